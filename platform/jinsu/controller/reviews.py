"""Carries answers between the doors of a review: Airflow's stage goes on after an answer, and reviewers are reminded."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import httpx
from sqlalchemy import select

from jinsu.clients.airflow import Airflow
from jinsu.controller.each import each_of, for_each
from jinsu.registry.mlflow import CHALLENGER, Mlflow
from jinsu.runs.links import Links
from jinsu.runs.reviews import DAY, Reviews
from jinsu.runs.stages import StageName
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.states import ReviewState, StageState
from jinsu.state.tables import Review, StageRecord, Submission

log = logging.getLogger("jinsu.reviews")
_AGAIN_SECONDS = 300.0
"""How long after a reminder that did not arrive the next one is tried."""

OPTIONS = {
    ReviewState.APPROVED: "Approve",
    ReviewState.REJECTED: "Reject",
    ReviewState.CHANGES_ASKED: "Ask for changes",
}
"""What Airflow's question is answered with, by the state that a review ended in."""


@dataclass(frozen=True)
class ReviewFollower:
    """One pass is `run()`; it may be repeated."""

    settings: Settings
    database: Database
    reviews: Reviews
    links: Links
    mlflow: Mlflow
    airflow: Airflow

    def run(self) -> bool:
        """Returns whether a stage has not gone on yet after its review was answered.

        Raises JinsuError, after every review had its turn, when a server did not answer about one.
        """
        each_of(
            lambda: for_each(self.reviews.open(), self._refuse_alias),
            lambda: for_each(self._answered(), lambda answered: self._answer_airflow(*answered)),
            self._remind_all,
        )
        return bool(self._answered())

    def _refuse_alias(self, review: Review) -> None:
        """Takes the alias from a candidate that is not approved: it was set past the gate, so nobody knows by whom."""
        if self.mlflow.aliases(review.model).get(CHALLENGER) != review.version:
            return
        if (now := self.reviews.of(review.submission)) is not None and now.state is ReviewState.OPEN:
            self.mlflow.tag_version(
                review.model,
                review.version,
                "jinsu.review",
                "refused: the alias was set past the gate, by nobody known",
            )
            self.mlflow.drop_alias(review.model, CHALLENGER, review.version)

    def _answer_airflow(self, review: Review, run: Submission) -> None:
        user = str(review.reviewer).rpartition(", ")[2]  # of several, the one whose word decided
        self.airflow.answer(
            str(run.dag_run), StageName.REVIEW, OPTIONS[review.state], review.reason, user, team=run.team
        )

    def _overdue(self) -> list[Review]:
        return [review for review in self.reviews.open() if review.due is not None and review.due <= time.time()]

    def _remind_all(self) -> None:
        """Reminds of every overdue review. A webhook that does not answer is left alone for a while."""
        overdue = self._overdue()
        for place, review in enumerate(overdue):
            try:
                self._remind(review)
            except httpx.HTTPStatusError as problem:
                log.warning("the reminder was refused: %s", problem.response.status_code)
                self._put_off(_AGAIN_SECONDS, review)
            except (httpx.HTTPError, httpx.InvalidURL) as problem:  # its text may hold the address, which is a secret
                log.warning("the reminder could not be sent: %s", type(problem).__name__)
                self._put_off(_AGAIN_SECONDS, *overdue[place:])
                return

    def _remind(self, review: Review) -> None:
        """Tells reviewers once a day that a question waits: in the log, and at the webhook of the settings."""
        days = (time.time() - review.asked) / DAY
        links = self.links.of(review.submission)
        text = (
            f"{review.model} version {review.version} has waited {days:.1f} days for a review "
            f"({self.reviews.in_words(review)}): jinsu review show {review.submission} {links.get('Evidence', '')}"
        ).rstrip()
        if not self._claim(review):
            return
        log.warning("%s", text)
        if self.settings.review_webhook:
            httpx.post(self.settings.review_webhook, json={"text": text}, timeout=5.0).raise_for_status()

    def _claim(self, review: Review) -> bool:
        """Whether this reminder is this controller's to send; the next one is due in a day. Written first, so that two
        controllers send it once, and one that is killed meanwhile sends none today."""
        with self.database.begin() as session:
            row = session.get(Review, review.submission, with_for_update=True)
            if row is None or row.due != review.due:
                return False
            row.due = time.time() + DAY
            return True

    def _put_off(self, seconds: float, *reviews: Review) -> None:
        with self.database.begin() as session:
            for review in reviews:
                row = session.get(Review, review.submission, with_for_update=True)
                if row is not None:
                    row.due = time.time() + seconds

    def _answered(self) -> list[tuple[Review, Submission]]:
        """Answered reviews whose stage still waits, each with its run."""
        waiting = (
            select(Review, Submission)
            .join(Submission, Submission.id == Review.submission)
            .join(
                StageRecord,
                (StageRecord.submission == Review.submission) & (StageRecord.name == StageName.REVIEW),
            )
            .where(
                Review.state.in_(tuple(OPTIONS)),
                StageRecord.state == StageState.RUNNING,
                Submission.ended.is_(None),
            )
        )
        with self.database.begin() as session:
            return [(review, run) for review, run in session.execute(waiting)]
