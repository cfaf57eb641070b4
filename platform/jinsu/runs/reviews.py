"""Reviews: one question about a candidate, three doors through which it is answered, one answer."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.errors import ConflictError, ForbiddenError, NotFoundError
from jinsu.registry.mlflow import CHALLENGER, Mlflow
from jinsu.runs.journal import Journal
from jinsu.runs.open_run import hold
from jinsu.runs.text import clean
from jinsu.state.database import Database
from jinsu.state.states import Door, ReviewState
from jinsu.state.tables import Review, Submission


@dataclass(frozen=True)
class Answer:
    """A reviewer's answer, and the door that it came through."""

    approved: bool
    reviewer: str
    via: Door
    reason: str = ""

    @property
    def state(self) -> ReviewState:
        return ReviewState.APPROVED if self.approved else ReviewState.REJECTED


@dataclass(frozen=True)
class Reviews:
    """Asks and answers. teams_approving_themselves: teams whose submitters may review their own runs."""

    database: Database
    journal: Journal
    mlflow: Mlflow
    teams_approving_themselves: tuple[str, ...] = ()

    def ask(self, run: str, model: str, version: str) -> Review:
        """Opens the question, or finds it. Raises ConflictError when the run was cancelled."""
        with self.database.begin() as session:
            hold(session, run)
            review = session.get(Review, run)
            if review is None:
                review = Review(
                    submission=run, model=model, version=version, state=ReviewState.OPEN, reason="", asked=time.time()
                )
                session.add(review)
        return review

    def of(self, run: str) -> Review | None:
        with self.database.begin() as session:
            return session.get(Review, run)

    def open(self) -> list[Review]:
        """Questions that nobody has answered, oldest first."""
        with self.database.begin() as session:
            return list(session.scalars(select(Review).where(Review.state == ReviewState.OPEN).order_by(Review.asked)))

    def answer(self, run: str, answer: Answer) -> Review:
        """Records the answer and sets the alias, unless the run has ended since.

        The first answer stays; the same one again changes nothing.

        Raises ForbiddenError when the submitter answers for a team that does not allow it, NotFoundError when the run asks
        for no review, ConflictError when another answer was first.
        """
        row = self.journal.submission(run)
        if not may_answer(row, answer.reviewer, self.teams_approving_themselves):
            raise ForbiddenError(f"{answer.reviewer} submitted run {run}; another person must review it.")
        review = self._write(run, answer)
        if review.state is ReviewState.APPROVED and row.ended is None:
            self.mlflow.set_alias(review.model, CHALLENGER, review.version)
        note = f"{review.state} by {review.reviewer} via {review.via}"
        self.mlflow.tag_version(review.model, review.version, "jinsu.review", note)
        return review

    def _write(self, run: str, answer: Answer) -> Review:
        with self.database.begin() as session:
            review = session.get(Review, run, with_for_update=True)
            if review is None:
                raise NotFoundError(f"run {run} asks for no review now; see: jinsu review list")
            if review.state not in (ReviewState.OPEN, answer.state):
                raise ConflictError(f"run {run} was {_ended(review)}")
            if review.state is ReviewState.OPEN:
                review.state, review.reviewer, review.via = answer.state, answer.reviewer, answer.via
                review.reason, review.answered = clean(answer.reason), time.time()
        return review


def _ended(review: Review) -> str:
    if review.state is ReviewState.CANCELLED:
        return f"cancelled already: {review.reason}"
    return f"{review.state} by {review.reviewer} already."


def may_answer(row: Submission, reviewer: str, teams_approving_themselves: tuple[str, ...]) -> bool:
    """Whether a person may review a run: not the submitter, unless the team allows it. Pure."""
    return reviewer != row.submitter or row.team in teams_approving_themselves
