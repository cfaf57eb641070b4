"""Admission: every submission, from the command line or from the Airflow form, passes these checks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.errors import BadInputError, ConflictError
from jinsu.runs.snapshots import SnapshotStore, read_member
from jinsu.spec.load import FILE_NAME, parse_spec, spec_from
from jinsu.spec.model import ModelSpec
from jinsu.state.database import Database
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission

MAX_OPEN = 1000


@dataclass(frozen=True)
class Request:
    """What a submitter hands over. `overrides` replaces parts of the snapshot's spec (`{"train.params.lr": 0.1}`)."""

    submitter: str
    code_digest: str
    idempotency_key: str
    overrides: Mapping[str, Any]
    dag_run: str | None = None


@dataclass(frozen=True)
class Capacity:
    """What an installation can run. gpus: how many one training may ask for.

    gpu_types: the names that `train.resources.gpu_type` may take, and teams: the teams that have a place; None where the
    installation names none, so that any is accepted.
    """

    gpus: int = 0
    gpu_types: frozenset[str] | None = None
    teams: frozenset[str] | None = None


@dataclass(frozen=True)
class Admission:
    """Checks and records submissions."""

    database: Database
    snapshots: SnapshotStore
    datasets: DatasetStore
    capacity: Capacity

    def admit(self, request: Request) -> tuple[Submission, bool]:
        """Records the submission, or finds the one made with the same key; says whether it is new.

        Raises BadInputError or NotFoundError for a spec that cannot run here, ConflictError when the key was used for other
        code or when too many runs are open.
        """
        if not 1 <= len(request.idempotency_key) <= 128 or not request.idempotency_key.isprintable():
            raise BadInputError("idempotency key: give 1 to 128 printable characters.")
        if (known := self._find(request)) is not None:
            return _same(known, request), False
        spec, version = self.check(request.code_digest, request.overrides)
        row = _row(request, spec, version)
        try:
            self._add(row)
        except IntegrityError:
            known = self._find(request)  # the same submission, sent twice at once
            assert known is not None
            return _same(known, request), False
        return row, True

    def check(self, code_digest: str, overrides: Mapping[str, Any]) -> tuple[ModelSpec, DatasetVersion]:
        """The spec in the code snapshot and the dataset version that it stands for; nothing is recorded."""
        code = self.snapshots.get(code_digest)
        spec = _spec(code, overrides)
        check_capacity(spec, self.capacity)
        version = self.datasets.resolve(spec.data.dataset)
        check_columns(spec, list(version.schema), version.kind)
        if spec.data.expectations and read_member(code, spec.data.expectations) is None:
            raise BadInputError(f"{FILE_NAME}: data.expectations: the folder has no file {spec.data.expectations!r}.")
        return spec, version

    def _add(self, row: Submission) -> None:
        with self.database.begin() as session:
            waiting = session.scalar(select(func.count()).select_from(Submission).where(Submission.ended.is_(None)))
            if (waiting or 0) >= MAX_OPEN:
                raise ConflictError(f"{waiting} runs are open, the limit is {MAX_OPEN}; wait, or cancel some.")
            session.add(row)

    def _find(self, request: Request) -> Submission | None:
        with self.database.begin() as session:
            return session.scalar(
                select(Submission).where(
                    Submission.submitter == request.submitter,
                    Submission.idempotency_key == request.idempotency_key,
                )
            )


def submission_id(model: str, request: Request) -> str:
    """`digits-4f1c9a2b3d`: readable, and the same for the same submitter and key."""
    digest = hashlib.sha256(f"{request.submitter}\0{request.idempotency_key}".encode()).hexdigest()
    return f"{model[:28]}-{digest[:10]}"


def _row(request: Request, spec: ModelSpec, version: DatasetVersion) -> Submission:
    document = spec.model_dump(mode="json")
    document["data"]["dataset"] = version.reference
    return Submission(
        id=submission_id(spec.name, request),
        submitter=request.submitter,
        idempotency_key=request.idempotency_key,
        model=spec.name,
        team=spec.team,
        spec=document,
        code_digest=request.code_digest,
        dataset=version.reference,
        dag_run=request.dag_run,
        experiment=None,
        mlflow_run=None,
        state=SubmissionState.ACCEPTED,
        reason="",
        created=time.time(),
        ended=None,
    )


def _spec(code: bytes, overrides: Mapping[str, Any]) -> ModelSpec:
    text = read_member(code, FILE_NAME)
    if text is None:
        raise BadInputError(f"code snapshot: it holds no {FILE_NAME} at its top.")
    spec = parse_spec(text)
    if not overrides:
        return spec
    document = spec.model_dump(mode="json", exclude_unset=True)
    for path, value in overrides.items():
        _assign(document, path, value)
    return spec_from(document, "submission")


def _assign(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        document = document.setdefault(part, {})
        if not isinstance(document, dict):
            raise BadInputError(f"submission: {path}: {part!r} holds no fields that could be replaced.")
    document[last] = value


def _same(known: Submission, request: Request) -> Submission:
    if known.code_digest != request.code_digest:
        raise ConflictError(
            f"idempotency key {request.idempotency_key!r} was used for run {known.id} with other code; use a new key."
        )
    return known


def check_columns(spec: ModelSpec, columns: Sequence[str], kind: str) -> None:
    """Every column that the spec names must exist in the dataset."""
    if kind != "table":
        raise BadInputError(
            f"data.dataset: {spec.data.dataset} is a set of files; training and evaluation need a table."
        )
    named = {
        "data.target": [spec.data.target],
        "data.features": spec.data.features or [],
        "evaluate.slices": spec.evaluate.slices,
        "data.holdout_by": [spec.data.holdout_by] if spec.data.holdout_by else [],
    }
    for where, names in named.items():
        for column in names:
            if column not in columns:
                raise BadInputError(
                    f"{FILE_NAME}: {where}: dataset {spec.data.dataset} has no column {column!r}; it has {', '.join(columns)}."
                )


def check_capacity(spec: ModelSpec, capacity: Capacity) -> None:
    """The installation must have a place for the team and the resources that the spec names."""
    resources = spec.train.resources
    if capacity.teams is not None and spec.team not in capacity.teams:
        raise BadInputError(
            f"{FILE_NAME}: team: {spec.team!r} has no place on this platform; it knows {_listed(capacity.teams)}."
        )
    if resources.gpu > capacity.gpus:
        raise BadInputError(
            f"{FILE_NAME}: train.resources.gpu: {resources.gpu} asked for, this platform has {capacity.gpus}."
        )
    named = resources.gpu_type
    if resources.gpu and named and capacity.gpu_types is not None and named not in capacity.gpu_types:
        raise BadInputError(
            f"{FILE_NAME}: train.resources.gpu_type: {named!r} is not on this platform; it has {_listed(capacity.gpu_types)}."
        )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(name for name in names if name)) or "none by name"
