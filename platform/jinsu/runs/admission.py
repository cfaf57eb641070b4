"""The one door: every submission, from the command line or from the Airflow form, passes these checks."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from jinsu.errors import BadInputError, ConflictError
from jinsu.installation import Platform
from jinsu.runs.snapshots import read_member
from jinsu.spec.load import FILE_NAME, parse_spec, spec_from
from jinsu.spec.model import ModelSpec
from jinsu.state.tables import Submission

MAX_OPEN = 1000


@dataclass(frozen=True)
class Request:
    """What somebody hands over. `overrides` replaces parts of the snapshot's model.yaml (`{"train.params.lr": 0.1}`)."""

    submitter: str
    code_digest: str
    idempotency_key: str
    overrides: dict[str, Any]
    dag_run: str | None = None


def admit(platform: Platform, request: Request) -> tuple[Submission, bool]:
    """Records the submission, or finds the one made with the same key; says whether it is new.

    Checks the snapshot, the spec, the dataset (pinning `@latest`), the expectations file and the quota.
    """
    if not 1 <= len(request.idempotency_key) <= 128:
        raise BadInputError("idempotency key: give 1 to 128 characters.")
    if (known := _find(platform, request)) is not None:
        return _same(known, request), False
    code = platform.snapshots.get(request.code_digest)
    spec = _spec(code, request)
    version = platform.datasets.resolve(spec.data.dataset)
    check_columns(spec, list(version.schema), version.kind)
    check_resources(spec, platform.settings.max_gpus)
    if spec.data.expectations and read_member(code, spec.data.expectations) is None:
        raise BadInputError(f"{FILE_NAME}: data.expectations: the folder has no file {spec.data.expectations!r}.")
    document = spec.model_dump(mode="json")
    document["data"]["dataset"] = version.reference
    row = Submission(
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
        state="accepted",
        reason="",
        created=time.time(),
        ended=None,
    )
    try:
        with platform.database.begin() as session:
            waiting = session.scalar(select(func.count()).select_from(Submission).where(Submission.ended.is_(None)))
            if (waiting or 0) >= MAX_OPEN:
                raise ConflictError(f"{waiting} runs are open, the limit is {MAX_OPEN}; wait, or cancel some.")
            session.add(row)
    except IntegrityError:
        known = _find(platform, request)  # the same submission, sent twice at once
        assert known is not None
        return _same(known, request), False
    return row, True


def submission_id(model: str, request: Request) -> str:
    """`digits-4f1c9a2b3d`: readable, and the same for the same submitter and key."""
    digest = hashlib.sha256(f"{request.submitter}\0{request.idempotency_key}".encode()).hexdigest()
    return f"{model[:28]}-{digest[:10]}"


def _spec(code: bytes, request: Request) -> ModelSpec:
    text = read_member(code, FILE_NAME)
    if text is None:
        raise BadInputError(f"code snapshot: it holds no {FILE_NAME} at its top.")
    spec = parse_spec(text)
    if not request.overrides:
        return spec
    document = spec.model_dump(mode="json", exclude_unset=True)
    for path, value in request.overrides.items():
        _assign(document, path.split("."), value)
    return spec_from(document, "submission")


def _assign(document: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        document = document.setdefault(part, {})
    document[last] = value


def _find(platform: Platform, request: Request) -> Submission | None:
    with platform.database.begin() as session:
        return session.scalar(
            select(Submission).where(
                Submission.submitter == request.submitter,
                Submission.idempotency_key == request.idempotency_key,
            )
        )


def _same(known: Submission, request: Request) -> Submission:
    if known.code_digest != request.code_digest:
        raise ConflictError(
            f"idempotency key {request.idempotency_key!r} was used for run {known.id} with other code; use a new key."
        )
    return known


def check_columns(spec: ModelSpec, columns: list[str], kind: str) -> None:
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
    for where, wanted in named.items():
        for column in wanted:
            if column not in columns:
                raise BadInputError(
                    f"{FILE_NAME}: {where}: dataset {spec.data.dataset} has no column {column!r}; it has {', '.join(columns)}."
                )


def check_resources(spec: ModelSpec, gpus: int) -> None:
    if spec.train.resources.gpu > gpus:
        raise BadInputError(
            f"{FILE_NAME}: train.resources.gpu: {spec.train.resources.gpu} asked for, this platform has {gpus}."
        )
