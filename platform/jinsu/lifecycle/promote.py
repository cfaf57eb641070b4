"""promote: the alias `champion` moves, and the ledger records it."""

from __future__ import annotations

from dataclasses import dataclass

from jinsu.errors import ForbiddenError, GateFailedError, NotFoundError
from jinsu.lifecycle.register import EVIDENCE
from jinsu.registry.mlflow import CHALLENGER, Mlflow
from jinsu.release.advance import State
from jinsu.runs.champions import Champions, Intent
from jinsu.runs.journal import Journal
from jinsu.runs.open_run import refuse_cancelled
from jinsu.runs.reviews import Reviews
from jinsu.runs.rollouts import PROMOTABLE, Rollouts, state_of
from jinsu.runs.stages import Promoted, StageName
from jinsu.state.states import LedgerEvent, SubmissionState
from jinsu.state.tables import Submission


@dataclass(frozen=True)
class Promote:
    """Moves the alias `champion` and writes the ledger."""

    journal: Journal
    reviews: Reviews
    rollouts: Rollouts
    champions: Champions
    mlflow: Mlflow

    def run(self, run: str) -> Promoted:
        """Makes the challenger the champion.

        Raises GateFailedError when the challenger has been taken back meanwhile, ConflictError when the run was cancelled.
        """
        promoted = self.journal.record(StageName.PROMOTE, run, lambda: self._promote(self.journal.submission(run)))
        self.journal.end(run, SubmissionState.SUCCEEDED, f"version {promoted.version} is the champion")
        return promoted

    def _promote(self, row: Submission) -> Promoted:
        refuse_cancelled(row)
        rollout = self.rollouts.of(row.id)
        if rollout is None:
            raise NotFoundError(f"run {row.id} has no rollout; the stage canary has not begun.")
        state = state_of(rollout)
        if state.phase not in PROMOTABLE:
            raise GateFailedError(f"version {state.challenger} was {state.phase} before promotion: {state.reason}")
        try:
            # A move that has ended is not done again: the alias may have gone on.
            self.champions.move(self._intent(row, state))
        except ForbiddenError as problem:
            raise GateFailedError(str(problem)) from None
        self.mlflow.drop_alias(row.model, CHALLENGER, state.challenger)
        return Promoted(state.challenger, state.champion)

    def _intent(self, row: Submission, state: State) -> Intent:
        review = self.reviews.of(row.id)
        return Intent(
            identity=f"promote:{row.id}",
            model=row.model,
            version=state.challenger,
            event=LedgerEvent.PROMOTED,
            actor=str(review.reviewer) if review else "nobody",
            submission=row.id,
            evidence=f"run {row.mlflow_run}/{EVIDENCE}",
            detail=state.reason,
        )
