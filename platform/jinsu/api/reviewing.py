"""Reviews over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.comparing import Comparing
from jinsu.api.views import Views
from jinsu.runs.reviews import Reviews, Said
from jinsu.runs.revocations import Revocations
from jinsu.state.states import Door


@dataclass(frozen=True)
class Reviewing:
    """Open questions listed, shown and answered; versions revoked."""

    reviews: Reviews
    revocations: Revocations
    views: Views
    comparing: Comparing

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["reviews"])
        router.get("/reviews")(self.open)
        router.get("/reviews/{run}")(self.show)
        router.post("/reviews/{run}")(self.answer)
        router.post("/models/{model}/versions/{version}/revoke")(self.revoke)
        return router

    def open(self, who: Known) -> list[models.OpenReview]:
        """Candidates of the caller's teams that wait for a reviewer, oldest first."""
        return self.views.open_reviews(who)

    def show(self, run: str, who: Known) -> models.ReviewPage:
        """All that a reviewer needs: who submitted, what differs from the champion, which rules applied, what was said."""
        self.views.seen(who, run)
        return self.comparing.page(who, run)

    def answer(self, run: str, body: models.AnswerBody, who: Known) -> models.Answered:
        """Approves, rejects or asks for changes. Reviewers of the run's team may, other than its submitter."""
        self.views.seen(who, run)
        review = self.reviews.give(run, Said(who.name, body.verdict, Door.CLI, body.reason))
        return models.Answered(
            run=run,
            model=review.model,
            version=review.version,
            state=review.state,
            stands=self.reviews.in_words(review),
        )

    def revoke(self, model: str, version: str, body: models.Reason, who: Known) -> models.Revoked:
        """Ends a version's right to serve. Reviewers of the model's team may."""
        self.views.seen_model(who, model)
        self.revocations.revoke(model, version, who.name, body.reason)
        return models.Revoked(model=model, version=version)
