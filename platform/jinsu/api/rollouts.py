"""Rollouts, champions and the ledger over HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import APIRouter

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.views import Views
from jinsu.errors import BadInputError
from jinsu.release.command import Command, Verb
from jinsu.runs.champions import Champions
from jinsu.runs.ledger import verify
from jinsu.runs.rollouts import Rollouts
from jinsu.state.database import Database
from jinsu.state.states import Role


@dataclass(frozen=True)
class RolloutPages:
    """Rollouts shown and steered, champions moved back."""

    rollouts: Rollouts
    database: Database
    champions: Champions
    views: Views

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["release"])
        router.get("/rollouts")(self.latest)
        router.post("/rollouts/{model}/{verb}")(self.command)
        router.post("/models/{model}/champion/{version}")(self.roll_back)
        router.get("/models")(self.endpoints)
        router.get("/ledger")(self.verify)
        router.get("/ledger/{model}")(self.ledger)
        return router

    def latest(self, who: Known) -> list[models.Rollout]:
        """The latest rollouts, newest first."""
        return self.views.latest_rollouts(who)

    def command(self, model: str, verb: str, body: models.Reason, who: Known) -> models.Commanded:
        """Tells the controller to abort or resume the model's rollout. Reviewers of its team may; administrators abort."""
        team = self.views.seen_model(who, model)
        if verb not in list(Verb):
            raise BadInputError(f"{verb!r}: a rollout can be told to abort or resume.")
        overrides = (
            who.admin and verb == Verb.ABORT and not who.has(Role.REVIEWER, team)
        )  # administrators stop what harms
        if not overrides:
            who.require(Role.REVIEWER, team)
        command = Command(Verb(verb), f"{body.reason} (by {who.name})" if body.reason else f"by {who.name}")
        row = self.rollouts.command(model, command, who.name if overrides else "")
        return models.Commanded(model=model, run=row.submission, verb=command.verb, reason=command.reason)

    def roll_back(self, model: str, version: str, who: Known) -> models.RolledBack:
        """Makes an earlier version the champion again. Reviewers of the model's team may; the version must have the right."""
        self.views.seen_model(who, model)
        previous = self.champions.roll_back(model, version, who.name)
        return models.RolledBack(model=model, version=version, previous=previous)

    def endpoints(self, who: Known) -> list[models.Endpoint]:
        """What serves, by model."""
        return self.views.endpoints(who)

    def ledger(self, model: str, who: Known) -> list[models.LedgerEntry]:
        """The model's history, newest first."""
        return self.views.ledger(who, model)

    def verify(self, who: Known, head: str = "") -> models.LedgerState:
        """Walks along the chain of the whole ledger and says where it is broken. head: a hash that must be part of it."""
        if head and not re.fullmatch(r"[0-9a-f]{64}", head):
            raise BadInputError("head: give all 64 characters of the hash that `jinsu ledger verify` printed.")
        with self.database.begin() as session:
            found = verify(session, head)
        return models.LedgerState(entries=found.entries, head=found.head, faults=list(found.faults))
