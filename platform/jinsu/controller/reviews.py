"""Carries answers between the doors of a review: an alias set in MLflow answers it, and Airflow's stage goes on."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from jinsu.clients.airflow import Airflow
from jinsu.controller.each import each_of, for_each
from jinsu.errors import ForbiddenError
from jinsu.registry.mlflow import CHALLENGER, Mlflow
from jinsu.runs.reviews import Answer, Reviews
from jinsu.runs.stages import StageName
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.states import Door, ReviewState, StageState
from jinsu.state.tables import Review, StageRecord, Submission


@dataclass(frozen=True)
class ReviewFollower:
    """One pass is `run()`; it may be repeated."""

    settings: Settings
    database: Database
    reviews: Reviews
    mlflow: Mlflow
    airflow: Airflow

    def run(self) -> bool:
        """Returns whether a stage has not gone on yet after its review was answered.

        Raises JinsuError, after every review had its turn, when a server did not answer about one.
        """
        each_of(
            lambda: for_each(self.reviews.open(), self._follow_alias),
            lambda: for_each(self._answered(), lambda answered: self._answer_airflow(*answered)),
        )
        return bool(self._answered())

    def _follow_alias(self, review: Review) -> None:
        if self.mlflow.aliases(review.model).get(CHALLENGER) == review.version:
            self._approve(review)

    def _answer_airflow(self, review: Review, dag_run: str) -> None:
        option = "Approve" if review.state is ReviewState.APPROVED else "Reject"
        self.airflow.answer(dag_run, StageName.REVIEW, option, review.reason, str(review.reviewer))

    def _approve(self, review: Review) -> None:
        """MLflow does not record who set the alias; only its reviewers and administrators may (docs/concepts.md)."""
        reviewer = self.settings.mlflow_reviewer.name
        try:
            self.reviews.answer(review.submission, Answer(True, reviewer, Door.MLFLOW))
        except ForbiddenError as problem:
            # The question stays open for another reviewer, and the alias, which approves nothing, goes.
            self.mlflow.tag_version(review.model, review.version, "jinsu.review", f"refused: {problem}")
            self.mlflow.drop_alias(review.model, CHALLENGER, review.version)

    def _answered(self) -> list[tuple[Review, str]]:
        """Answered reviews whose stage still waits, each with its DAG run."""
        waiting = (
            select(Review, Submission.dag_run)
            .join(Submission, Submission.id == Review.submission)
            .join(
                StageRecord,
                (StageRecord.submission == Review.submission) & (StageRecord.name == StageName.REVIEW),
            )
            .where(
                Review.state.in_((ReviewState.APPROVED, ReviewState.REJECTED)),
                StageRecord.state == StageState.RUNNING,
                Submission.ended.is_(None),
            )
        )
        with self.database.begin() as session:
            return [(review, str(dag_run)) for review, dag_run in session.execute(waiting)]
