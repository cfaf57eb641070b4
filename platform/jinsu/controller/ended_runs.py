"""Keeps Airflow and Jinsu agreed on which runs have ended.

A run that a person failed in Airflow is cancelled here, with its processes; a run that was cancelled here is failed there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.clients.airflow import Airflow
from jinsu.controller.each import each_of, for_each
from jinsu.runs.cancellation import AT_WORK, Cancellation
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
        """Asks Airflow nothing while no run is open and none was cancelled lately.

        Raises JinsuError, after every run had its turn, when Airflow or the launcher did not answer about one.
        """
        if not any(self._rows()):
            return
        failed = self.airflow.failed_runs()
        open_runs, cancelled = self._rows()  # read after the answer: a run that is still open did not end by itself
        each_of(
            lambda: for_each([row.id for row in open_runs if (row.team, row.dag_run) in failed], self._end),
            lambda: for_each(cancelled, self._complete),
            lambda: for_each([row for row in cancelled if (row.team, row.dag_run) not in failed], self._fail),
        )

    def _rows(self) -> tuple[Sequence[Submission], Sequence[Submission]]:
        """Open runs that Airflow has, and runs that were cancelled lately."""
        open_runs = select(Submission).where(Submission.ended.is_(None), Submission.dag_run.is_not(None))
        cancelled = select(Submission).where(
            Submission.state == SubmissionState.CANCELLED, Submission.ended > time.time() - _RECENT_SECONDS
        )
        with self.database.begin() as session:
            return session.scalars(open_runs).all(), session.scalars(cancelled).all()

    def _end(self, run: str) -> None:
        """A run that ended in Airflow ends here: as cancelled when a stage was at work, else with the last problem."""
        stages = self._not_done(run)
        running = [stage for stage in stages if stage.state is StageState.RUNNING]
        if stages and not running:
            self.journal.end(run, SubmissionState.FAILED, f"{stages[-1].name}: {stages[-1].detail}")
        if stages:
            self.cancellation.run(run, f"{(running or stages)[-1].name} was ended in Airflow")
        self.journal.end(run, SubmissionState.FAILED, "ended in Airflow")

    def _complete(self, row: Submission) -> None:
        """Does once more what a launcher that did not answer has left of a cancellation."""
        if any(stage.state in AT_WORK for stage in self._not_done(row.id)):
            self.cancellation.run(row.id, row.reason)

    def _fail(self, row: Submission) -> None:
        if row.dag_run is not None and self.airflow.is_open(row.dag_run, team=row.team):
            self.airflow.fail_run(row.dag_run, team=row.team)

    def _not_done(self, run: str) -> Sequence[StageRecord]:
        """The run's stages that have not ended well, in the order in which they began."""
        with self.database.begin() as session:
            return session.scalars(
                select(StageRecord)
                .where(StageRecord.submission == run, StageRecord.state != StageState.DONE)
                .order_by(StageRecord.started)
            ).all()
