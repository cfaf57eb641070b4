"""Small reconciling jobs of the controller. Each compares two truths and repairs the difference; each may be repeated."""

from __future__ import annotations

import time

from sqlalchemy import select

from jinsu.clients.airflow import Airflow
from jinsu.errors import NotFoundError
from jinsu.installation import Platform, end_submission
from jinsu.lifecycle import promote, review
from jinsu.lifecycle.train import cancel, read_metrics
from jinsu.state.tables import Candidate, Endpoint, LedgerEntry, Review, Rollout, Submission, Task

_BATCH = 20


def dispatch(platform: Platform, airflow: Airflow) -> None:
    """Starts a DAG run for every accepted submission. The row is the queue, so an Airflow outage loses nothing."""
    with platform.database.begin() as session:
        waiting = session.scalars(
            select(Submission.id)
            .where(Submission.state == "accepted", Submission.dag_run.is_(None))
            .order_by(Submission.created)
            .limit(_BATCH)
        ).all()
    for identity in waiting:
        airflow.trigger(identity, {"submission": identity})
        with platform.database.begin() as session:
            row = session.get(Submission, identity, with_for_update=True)
            if row is not None and row.dag_run is None:
                row.dag_run = identity
                row.state = "queued" if row.state == "accepted" else row.state


def follow_champions(platform: Platform) -> None:
    """Makes the endpoint serve what MLflow calls the champion, also when a person moved the alias by hand."""
    with platform.database.begin() as session:
        models = session.scalars(select(Candidate.model).where(Candidate.ready).distinct()).all()
        serving = {row.model: row.champion for row in session.scalars(select(Endpoint))}
    unknown = ""
    for model in models:
        version = platform.mlflow.aliases(model).get("champion")
        if version is None or version == serving.get(model):
            continue
        with platform.database.begin() as session:
            known = session.scalar(
                select(Candidate.version).where(Candidate.model == model, Candidate.version == version, Candidate.ready)
            )
            if known is None:
                unknown = f"{model}: champion is version {version}, which Jinsu did not register; it is not served."
                continue  # one model's mistake holds up no other
            row = session.get(Endpoint, model) or Endpoint(model=model, champion=version, updated=0.0)
            row.champion, row.updated = version, time.time()
            session.add(row)
        _note_move(platform, model, version, serving.get(model))
    if unknown:
        raise NotFoundError(unknown)


def _note_move(platform: Platform, model: str, version: str, previous: str | None) -> None:
    """A move that the ledger does not know yet was made by hand in MLflow."""
    with platform.database.begin() as session:
        last = session.scalar(
            select(LedgerEntry)
            .where(
                LedgerEntry.model == model,
                LedgerEntry.event.in_(("promoted", "rolled back", "moved by hand")),
            )
            .order_by(LedgerEntry.id.desc())
            .limit(1)
        )
        rollout = session.scalar(
            select(Rollout.submission).where(
                Rollout.model == model,
                Rollout.challenger == version,
                Rollout.phase.in_(("promoting", "promoted")),
            )
        )
    if (last is None or last.version != version) and rollout is None:
        promote.record(
            platform,
            model,
            "moved by hand",
            version,
            previous,
            "mlflow",
            None,
            f"hand:{model}:{time.time_ns()}",
            None,
            "",
        )


def follow_reviews(platform: Platform, airflow: Airflow) -> None:
    """An alias set in MLflow answers a review; a review answered anywhere lets its Airflow task go on."""
    review.follow_aliases(platform)
    with platform.database.begin() as session:
        answered = session.execute(
            select(Review, Submission.dag_run)
            .join(Submission, Submission.id == Review.submission)
            .join(Task, (Task.submission == Review.submission) & (Task.name == "review"))
            .where(
                Review.state.in_(("approved", "rejected")),
                Task.state == "running",
                Submission.ended.is_(None),
            )
        ).all()
    for row, dag_run in answered:
        option = "Approve" if row.state == "approved" else "Reject"
        airflow.answer(str(dag_run), "review", option, row.reason, str(row.reviewer))


def reconcile(platform: Platform, airflow: Airflow) -> None:
    """A run that a person failed in Airflow is cancelled here, with its processes; a cancelled one is failed there."""
    failed = airflow.failed_runs()
    with platform.database.begin() as session:
        open_runs = session.scalars(
            select(Submission).where(Submission.ended.is_(None), Submission.dag_run.is_not(None))
        ).all()
        recent = session.scalars(
            select(Submission).where(Submission.state == "cancelled", Submission.ended > time.time() - 600)
        ).all()
    for row in open_runs:
        if row.dag_run in failed:
            _end_failed(platform, row.id)
    for row in recent:
        if row.dag_run and row.dag_run not in failed and airflow.run_state(row.dag_run) in ("running", "queued"):
            airflow.fail_run(row.dag_run)


def _end_failed(platform: Platform, submission: str) -> None:
    with platform.database.begin() as session:
        task = session.scalar(
            select(Task)
            .where(Task.submission == submission, Task.state.in_(("running", "waiting", "failed")))
            .order_by(Task.started.desc())
            .limit(1)
        )
    where = f"{task.name}: {task.detail}" if task is not None and task.state == "failed" else "ended in Airflow"
    if task is not None and task.state == "running":
        cancel(platform, submission, f"{task.name} was ended in Airflow")
        review.close(platform, submission, "ended in Airflow")
    end_submission(platform, submission, "failed", where)


class MetricShipper:
    """Brings what training scripts log to MLflow, in batches. Sent twice counts once, so offsets need no disk."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._offsets: dict[tuple[str, str], int] = {}

    def ship(self) -> None:
        with self._platform.database.begin() as session:
            recent = session.execute(
                select(Submission.mlflow_run, Task.run_key, Task.trial)
                .join(Task, Task.submission == Submission.id)
                .where(
                    Task.name == "train",
                    Task.run_key.is_not(None),
                    Submission.mlflow_run.is_not(None),
                    (Task.ended.is_(None)) | (Task.ended > time.time() - 30),
                )
            ).all()
        for run, key, trial in recent:
            place = (str(run), str(key))
            entries, after = read_metrics(self._platform.launcher, str(key), self._offsets.get(place, 0))
            if entries:
                prefix = f"trial_{trial}/" if trial else ""
                self._platform.mlflow.log(str(run), [{**entry, "name": prefix + entry["name"]} for entry in entries])
            self._offsets[place] = after
