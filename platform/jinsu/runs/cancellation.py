"""Ends a run everywhere: its record, its processes, its review and its rollout."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.launchers.launcher import Launcher
from jinsu.release.command import Command, Verb
from jinsu.runs.journal import Journal
from jinsu.runs.rollouts import Rollouts
from jinsu.state.database import Database
from jinsu.state.states import ReviewState, StageState, SubmissionState
from jinsu.state.tables import Review, StageRecord, Submission

AT_WORK = (StageState.RUNNING, StageState.WAITING)
"""States of a stage that a process may be at, or may take up again."""


@dataclass(frozen=True)
class Cancellation:
    """Every part of a cancellation may be repeated; its stages are closed last, so that a part that is left is seen."""

    database: Database
    journal: Journal
    launcher: Launcher
    rollouts: Rollouts

    def run(self, run: str, reason: str) -> None:
        """Raises TransientError when a process could not be ended; everything else has ended by then."""
        self.journal.end(run, SubmissionState.CANCELLED, reason)
        row = self.journal.submission(run)
        self._clear_up(run, row.reason if row.state is SubmissionState.CANCELLED else reason)  # the first reason stays

    def clear_up(self, run: str) -> None:
        """Ends whatever a run that has ended has left, with the reason of its end. Raises TransientError as `run` does."""
        row = self.journal.submission(run)
        if row.state in (SubmissionState.FAILED, SubmissionState.CANCELLED):
            self._clear_up(run, row.reason)

    def _clear_up(self, run: str, reason: str) -> None:
        self._close_review(run, reason)
        self.rollouts.command_run(run, Command(Verb.ABORT, reason))
        self.end_steps(run, reason)
        self._close_stages(run, reason)

    def end_steps(self, run: str, reason: str) -> None:
        """Ends the run's processes, but for those that another open run shares."""
        for key in sorted(self._own_steps(run)):
            self.launcher.cancel(key, reason)

    def _own_steps(self, run: str) -> set[str]:
        at_work = select(StageRecord.run_key).where(StageRecord.state.in_(AT_WORK))
        with self.database.begin() as session:
            keys = {key for key in session.scalars(at_work.where(StageRecord.submission == run)) if key}
            others = at_work.join(Submission, Submission.id == StageRecord.submission).where(
                StageRecord.submission != run, StageRecord.run_key.in_(keys), Submission.ended.is_(None)
            )
            return keys - {key for key in session.scalars(others) if key}

    def _close_review(self, run: str, reason: str) -> None:
        with self.database.begin() as session:
            review = session.get(Review, run)
            if review is not None and review.state is ReviewState.OPEN:
                review.state, review.reason = ReviewState.CANCELLED, reason

    def _close_stages(self, run: str, reason: str) -> None:
        at_work = select(StageRecord).where(StageRecord.submission == run, StageRecord.state.in_(AT_WORK))
        with self.database.begin() as session:
            for stage in session.scalars(at_work):
                stage.state, stage.detail, stage.ended = StageState.FAILED, reason, time.time()
