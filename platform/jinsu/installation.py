"""What a task needs at hand: the parts of the platform, and a record of what it does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu import settings as configuration
from jinsu.clients.kubernetes import Kube
from jinsu.data.datasets import DatasetStore
from jinsu.errors import GateFailedError, JinsuError, NotFoundError, TransientError
from jinsu.launchers.launcher import Launcher
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3
from jinsu.runs.catalog import Catalog, ConfigMapCatalog, FileCatalog
from jinsu.runs.snapshots import SnapshotStore
from jinsu.settings import Settings
from jinsu.spec.load import spec_from
from jinsu.spec.model import ModelSpec
from jinsu.state.database import Database
from jinsu.state.tables import Submission, Task
from jinsu.steps.result import RESULT_NAME

if TYPE_CHECKING:
    from jinsu.registry.mlflow import Mlflow


@dataclass(frozen=True)
class Platform:
    """The parts of one installation. Opening it costs nothing; each part connects when it is first used."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        return Database(self.settings.database_url)

    @cached_property
    def objects(self) -> Mirror:
        settings = self.settings
        return Mirror(settings.objects, S3(settings.object_store) if settings.object_store else None)

    def step(self, run_key: str) -> Path:
        """The folder of a step that is done, brought here if need be; nothing is in it when the step is not done."""
        return self.objects.folder(f"steps/{run_key}", RESULT_NAME)

    @cached_property
    def datasets(self) -> DatasetStore:
        return DatasetStore(self.objects)

    @cached_property
    def snapshots(self) -> SnapshotStore:
        return SnapshotStore(self.objects)

    @cached_property
    def kube(self) -> Kube:
        return Kube()

    @cached_property
    def launcher(self) -> Launcher:
        settings = self.settings
        if settings.kubernetes is None:
            return LocalLauncher(settings.steps)
        from jinsu.launchers.kubernetes_launcher import KubernetesLauncher

        assert settings.object_store is not None
        assert self.objects.store is not None
        return KubernetesLauncher(self.kube, self.objects.store, settings.kubernetes.steps, settings.object_store)

    @cached_property
    def catalog(self) -> Catalog:
        cluster = self.settings.kubernetes
        if cluster is None:
            return FileCatalog(self.settings.catalog)
        return ConfigMapCatalog(self.kube, cluster.namespace, cluster.catalog)

    @cached_property
    def mlflow(self) -> Mlflow:
        from jinsu.registry.mlflow import Mlflow

        return Mlflow(self.settings.mlflow_url, self.settings.mlflow)

    def submission(self, identity: str) -> tuple[Submission, ModelSpec]:
        """A submission and its spec. Raises NotFoundError."""
        with self.database.begin() as session:
            row = session.get(Submission, identity)
        if row is None:
            raise NotFoundError(f"run {identity!r} does not exist; see: jinsu runs")
        return row, spec_from(row.spec, "model.yaml")

    def output(self, submission: str, task: str, trial: int = 0) -> dict[str, Any]:
        """What an earlier task recorded. Raises NotFoundError when it has not ended well."""
        with self.database.begin() as session:
            row = session.get(Task, (submission, task, trial))
        if row is None or row.state != "done":
            raise NotFoundError(f"run {submission}: task {task!r} has not ended; run it first.")
        return row.output

    def note(self, submission: str, task: str, detail: str, trial: int = 0, **values: Any) -> None:
        """Writes down where a task is, for `jinsu why`. It never undoes an end."""
        with self.database.begin() as session:
            row = session.get(Task, (submission, task, trial))
            if row is None:
                row = Task(submission=submission, name=task, trial=trial, started=time.time(), output={})
                session.add(row)
            row.state, row.detail = "running", detail
            for name, value in values.items():
                setattr(row, name, value)

    @contextmanager
    def task(self, submission: str, name: str, trial: int = 0) -> Iterator[dict[str, Any]]:
        """Records a task's start and its end with what it puts into the yielded dict (the output, small).

        A problem is recorded with its sentence: permanent ones as failed, transient ones as waiting.
        """
        output: dict[str, Any] = {}
        self.note(submission, name, "", trial)
        try:
            yield output
        except JinsuError as problem:
            self._end(
                submission,
                name,
                trial,
                "waiting" if isinstance(problem, TransientError) else "failed",
                str(problem),
            )
            if not isinstance(problem, TransientError):
                end_submission(self, submission, "failed", f"{name}: {problem}")
            raise
        self._end(submission, name, trial, "done", "", output)

    def _end(
        self,
        submission: str,
        name: str,
        trial: int,
        state: str,
        detail: str,
        output: dict[str, Any] | None = None,
    ) -> None:
        with self.database.begin() as session:
            row = session.get(Task, (submission, name, trial))
            assert row is not None
            row.state, row.detail, row.ended = state, detail, time.time()
            if output is not None:
                row.output = output


def end_submission(platform: Platform, submission: str, state: str, reason: str) -> None:
    """Writes the end of a run once; the first reason stays. Its MLflow run ends with it."""
    with platform.database.begin() as session:
        row = session.get(Submission, submission, with_for_update=True)
        if row is None or row.ended is not None:
            return
        row.state, row.reason, row.ended = state, reason, time.time()
    if row.mlflow_run is not None and state in _MLFLOW_STATUS:
        with suppress(JinsuError):  # how MLflow shows it is worth a try, not a retry
            platform.mlflow.end_run(row.mlflow_run, _MLFLOW_STATUS[state])


_MLFLOW_STATUS = {"failed": "FAILED", "cancelled": "KILLED"}


def connect() -> Platform:
    return Platform(configuration.load())


__all__ = ["GateFailedError", "Platform", "connect", "end_submission"]
