"""Starts a DAG run for every accepted submission. The row is the queue, so an outage of Airflow loses nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from jinsu.clients.airflow import Airflow
from jinsu.controller.each import for_each
from jinsu.state.database import Database
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission

_BATCH = 20


@dataclass(frozen=True)
class Dispatcher:
    """One pass is `run()`; it may be repeated."""

    database: Database
    airflow: Airflow

    def run(self) -> bool:
        """Returns whether more submissions may wait than one pass takes.

        Raises JinsuError, after every run had its turn, when Airflow did not take one.
        """
        with self.database.begin() as session:
            waiting = session.scalars(
                select(Submission)
                .where(Submission.state == SubmissionState.ACCEPTED, Submission.dag_run.is_(None))
                .order_by(Submission.created)
                .limit(_BATCH)
            ).all()
        for_each(waiting, self._start)
        return len(waiting) == _BATCH

    def _start(self, waiting: Submission) -> None:
        run = waiting.id
        self.airflow.trigger(run, {"submission": run}, team=waiting.team, user=waiting.submitter)
        with self.database.begin() as session:
            row = session.get(Submission, run, with_for_update=True)
            if row is not None and row.dag_run is None:
                row.dag_run = run
                row.state = SubmissionState.QUEUED if row.state is SubmissionState.ACCEPTED else row.state
