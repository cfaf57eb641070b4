"""Brings what training scripts log to MLflow, in batches."""

from __future__ import annotations

import posixpath
import re
import time
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from jinsu.controller.each import for_each
from jinsu.launchers.launcher import Launcher
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.stages import StageName
from jinsu.state.database import Database
from jinsu.state.tables import StageRecord, Submission
from jinsu.steps.metrics import MetricPoint, parse_metrics

_LINGER_SECONDS = 30.0
_NAME = re.compile(r"[/\w.\- :]+")
_LONG = 2**63
"""Steps and times are 64-bit integers in MLflow, times in milliseconds."""


@dataclass(frozen=True)
class MetricUploader:
    """One pass is `run()`. A point that is sent twice counts once, so the offsets need no disk.

    _offsets: how many bytes of a step's metrics an MLflow run has, by the run's id and the run key.
    """

    database: Database
    launcher: Launcher
    mlflow: Mlflow
    _offsets: dict[tuple[str, str], int] = field(default_factory=dict, init=False)

    def run(self) -> None:
        """Raises JinsuError, after every training had its turn, when the metrics of one could not be brought."""
        recent = (
            select(Submission.mlflow_run, StageRecord.run_key, StageRecord.trial)
            .join(StageRecord, StageRecord.submission == Submission.id)
            .where(
                StageRecord.name == StageName.TRAIN,
                StageRecord.run_key.is_not(None),
                Submission.mlflow_run.is_not(None),
                (StageRecord.ended.is_(None)) | (StageRecord.ended > time.time() - _LINGER_SECONDS),
            )
        )
        with self.database.begin() as session:
            trials = session.execute(recent).all()
        for_each(trials, lambda found: self._upload(str(found.mlflow_run), str(found.run_key), found.trial))

    def _upload(self, mlflow_run: str, key: str, trial: int) -> None:
        offset = self._offsets.get((mlflow_run, key), 0)
        points, size = parse_metrics(self.launcher.metrics(key, offset))
        prefix = f"trial_{trial}/" if trial else ""
        taken = [replace(point, name=prefix + point.name) for point in points if is_taken(point)]
        if taken:
            self.mlflow.log(mlflow_run, taken)
        self._offsets[(mlflow_run, key)] = offset + size


def is_taken(point: MetricPoint) -> bool:
    """Whether MLflow takes the point; a batch with one that it does not take is lost as a whole. Pure."""
    name = point.name
    return (
        _NAME.fullmatch(name) is not None
        and name == posixpath.normpath(name)
        and name != "."
        and not name.startswith(("/", ".."))
        and -_LONG <= point.step < _LONG
        and 0 <= point.time * 1000 < _LONG
    )
