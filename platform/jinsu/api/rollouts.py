"""Rollouts, champions and the ledger over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.views import Views
from jinsu.errors import BadInputError
from jinsu.identity.people import Role
from jinsu.release.command import Command, Verb
from jinsu.runs.rollback import Rollback
from jinsu.runs.rollouts import Rollouts


@dataclass(frozen=True)
class RolloutPages:
    """Rollouts shown and steered, champions moved back."""

    rollouts: Rollouts
    rollback: Rollback
    views: Views

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["release"])
        router.get("/rollouts")(self.latest)
        router.post("/rollouts/{model}/{verb}")(self.command)
        router.post("/models/{model}/champion/{version}")(self.roll_back)
        router.get("/models")(self.endpoints)
        router.get("/ledger/{model}")(self.ledger)
        return router

    def latest(self, who: Known) -> list[models.Rollout]:
        """The latest rollouts, newest first."""
        return self.views.latest_rollouts()

    def command(self, model: str, verb: str, body: models.Reason, who: Known) -> models.Commanded:
        """Tells the controller to abort or resume the model's rollout. Reviewers may."""
        who.require(Role.REVIEWER)
        if verb not in list(Verb):
            raise BadInputError(f"{verb!r}: a rollout can be told to abort or resume.")
        command = Command(Verb(verb), body.reason or f"by {who.name}")
        row = self.rollouts.command(model, command)
        return models.Commanded(model=model, run=row.submission, verb=command.verb, reason=command.reason)

    def roll_back(self, model: str, version: str, who: Known) -> models.RolledBack:
        """Makes an earlier version the champion again. Reviewers may."""
        who.require(Role.REVIEWER)
        previous = self.rollback.run(model, version, who.name)
        return models.RolledBack(model=model, version=version, previous=previous)

    def endpoints(self, who: Known) -> list[models.Endpoint]:
        """What serves, by model."""
        return self.views.endpoints()

    def ledger(self, model: str, who: Known) -> list[models.LedgerEntry]:
        """The model's history, newest first."""
        return self.views.ledger(model)
