"""Keeps Airflow and Jinsu agreed on which runs have ended.

A run that a person failed in Airflow is cancelled here, with its processes; a run that was cancelled here is failed there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.clients.airflow import Airflow
from jinsu.runs.cancellation import Cancellation
from jinsu.runs.journal import Journal
from jinsu.state.database import Database
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import StageRecord, Submission

_RECENT_SECONDS = 600.0


@dataclass(frozen=True)
class EndedRuns:
    """One pass is `run()`; it may be repeated."""

    database: Database
    journal: Journal
    cancellation: Cancellation
    airflow: Airflow

    def run(self) -> None:
        failed = self.airflow.failed_runs()
        with self.database.begin() as session:
            open_runs = session.scalars(
                select(Submission).where(Submission.ended.is_(None), Submission.dag_run.is_not(None))
            ).all()
            cancelled = session.scalars(
                select(Submission).where(
                    Submission.state == SubmissionState.CANCELLED, Submission.ended > time.time() - _RECENT_SECONDS
                )
            ).all()
        for row in open_runs:
            if row.dag_run in failed:
                self._end(row.id)
        for row in cancelled:
            if row.dag_run and row.dag_run not in failed and self.airflow.is_open(row.dag_run):
                self.airflow.fail_run(row.dag_run)

    def _end(self, run: str) -> None:
        with self.database.begin() as session:
            stage = session.scalar(
                select(StageRecord)
                .where(StageRecord.submission == run, StageRecord.state != StageState.DONE)
                .order_by(StageRecord.started.desc())
                .limit(1)
            )
        if stage is not None and stage.state is StageState.RUNNING:
            self.cancellation.run(run, f"{stage.name} was ended in Airflow")
        failed = stage is not None and stage.state is StageState.FAILED
        reason = f"{stage.name}: {stage.detail}" if stage is not None and failed else "ended in Airflow"
        self.journal.end(run, SubmissionState.FAILED, reason)
