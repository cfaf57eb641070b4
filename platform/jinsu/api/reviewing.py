"""Reviews over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.views import Views
from jinsu.identity.people import Role
from jinsu.runs.reviews import Answer, Reviews
from jinsu.state.states import Door


@dataclass(frozen=True)
class Reviewing:
    """Open questions listed and answered."""

    reviews: Reviews
    views: Views

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/reviews", tags=["reviews"])
        router.get("")(self.open)
        router.post("/{run}")(self.answer)
        return router

    def open(self, who: Known) -> list[models.OpenReview]:
        """Candidates that wait for a reviewer, oldest first."""
        return self.views.open_reviews()

    def answer(self, run: str, body: models.AnswerBody, who: Known) -> models.Answered:
        """Approves or rejects a candidate. Reviewers may."""
        who.require(Role.REVIEWER)
        review = self.reviews.answer(run, Answer(body.approve, who.name, Door.CLI, body.reason))
        return models.Answered(run=run, model=review.model, version=review.version, state=review.state)
