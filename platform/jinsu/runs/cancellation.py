"""Ends a run everywhere: its record, its processes, its review and its rollout."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from jinsu.launchers.launcher import Launcher
from jinsu.release.command import Command, Verb
from jinsu.runs.journal import Journal
from jinsu.runs.rollouts import Rollouts
from jinsu.runs.stages import StageName
from jinsu.state.database import Database
from jinsu.state.states import ReviewState, StageState, SubmissionState
from jinsu.state.tables import Review, StageRecord


@dataclass(frozen=True)
class Cancellation:
    """Every part of a cancellation may be repeated."""

    database: Database
    journal: Journal
    launcher: Launcher
    rollouts: Rollouts

    def run(self, run: str, reason: str) -> None:
        self.journal.end(run, SubmissionState.CANCELLED, reason)
        for key in self._own_steps(run):
            self.launcher.cancel(key, reason)
        self._close_review(run, reason)
        self.rollouts.command_run(run, Command(Verb.ABORT, reason))

    def _own_steps(self, run: str) -> set[str]:
        """Run keys of the run's steps that are at work and that no other open run shares."""
        at_work = select(StageRecord.run_key).where(StageRecord.state == StageState.RUNNING)
        with self.database.begin() as session:
            keys = {key for key in session.scalars(at_work.where(StageRecord.submission == run)) if key}
            shared = session.scalars(at_work.where(StageRecord.submission != run, StageRecord.run_key.in_(keys)))
            return keys - {key for key in shared if key}

    def _close_review(self, run: str, reason: str) -> None:
        with self.database.begin() as session:
            review = session.get(Review, run)
            if review is not None and review.state is ReviewState.OPEN:
                review.state, review.reason = ReviewState.CANCELLED, reason
            stage = session.get(StageRecord, (run, StageName.REVIEW, 0))
            if stage is not None and stage.state is StageState.RUNNING:
                stage.state, stage.detail = StageState.FAILED, reason
