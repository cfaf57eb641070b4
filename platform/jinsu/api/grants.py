"""Grants over HTTP: a team lets another team read something of its own."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import select

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.errors import BadInputError
from jinsu.identity import accounts, owners
from jinsu.identity.people import Person
from jinsu.state.database import Database
from jinsu.state.states import Kept, Role
from jinsu.state.tables import Grant


@dataclass(frozen=True)
class Grants:
    """Given and taken by an owner of the team that the thing belongs to."""

    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/grants", tags=["people"])
        router.get("")(self.list)
        router.post("")(self.give)
        router.delete("/{kind}/{name}/{team}")(self.take)
        return router

    def list(self, who: Known) -> list[models.Grant]:
        """What the asker's teams may read of others, and let others read; administrators see all."""
        own = frozenset(who.teams)
        with self.database.begin() as session:
            rows = session.scalars(select(Grant).order_by(Grant.kind, Grant.name, Grant.team)).all()
            ours = {kind: owners.owned(session, kind, own) for kind in Kept}
        return [
            models.Grant(kind=row.kind, name=row.name, team=row.team, by=row.by, at=row.at)
            for row in rows
            if who.admin or row.team in own or row.name in ours[row.kind]
        ]

    def give(self, body: models.GrantBody, who: Known) -> models.Done:
        """Lets another team read something. Repeating it changes nothing."""
        owner = self._require_owner(who, body.kind, body.name)
        if owner == body.team:
            raise BadInputError(f"{body.kind} {body.name!r} belongs to team {owner}, which reads it anyway.")
        with self.database.begin() as session:
            accounts.grant(session, body.kind, body.name, body.team, actor=who.name)
        return models.Done(done=f"Team {body.team} may read {body.kind} {body.name}.")

    def take(self, kind: Kept, name: str, team: str, who: Known) -> models.Done:
        """Ends a grant."""
        self._require_owner(who, kind, name)
        with self.database.begin() as session:
            accounts.take_grant(session, kind, name, team, actor=who.name)
        return models.Done(done=f"Team {team} may not read {kind} {name} any more.")

    def _require_owner(self, who: Person, kind: Kept, name: str) -> str:
        """The team that owns it. Raises NotFoundError for what is not there, or is not the asker's to know of."""
        with self.database.begin() as session:
            team = owners.team_of(session, kind, name, who)
        who.require(Role.OWNER, team)
        return team
