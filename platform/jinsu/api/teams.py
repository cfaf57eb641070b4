"""Teams, their members and their policies over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import select

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.errors import NotFoundError
from jinsu.identity import accounts, policies
from jinsu.identity.people import Person
from jinsu.spec.load import policy_from
from jinsu.state.database import Database
from jinsu.state.states import Role
from jinsu.state.tables import Membership, Policy
from jinsu.state.tables import Team as TeamRow


@dataclass(frozen=True)
class Teams:
    """Teams and policies are made by administrators; roles in a team also by its owners."""

    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/teams", tags=["people"])
        router.get("")(self.known)
        router.post("")(self.add)
        router.delete("/{team}")(self.remove)
        router.get("/{team}/members")(self.members)
        router.put("/{team}/members/{person}")(self.set_role)
        router.get("/{team}/policy")(self.policy)
        router.put("/{team}/policy")(self.put_policy)
        router.get("/{team}/policy/history")(self.policy_history)
        return router

    def known(self, who: Known) -> list[models.Team]:
        """Every team's name, with the asker's role in it."""
        with self.database.begin() as session:
            names = accounts.teams(session)
        return [models.Team(name=name, role=who.teams.get(name)) for name in names]

    def add(self, body: models.TeamBody, who: Known) -> models.Done:
        """Makes a team. Administrators may."""
        who.require_admin()
        with self.database.begin() as session:
            accounts.add_team(session, body.name, actor=who.name)
        return models.Done(done=f"Team {body.name} exists. Next: jinsu team set-role {body.name} PERSON owner")

    def remove(self, team: str, who: Known) -> models.Done:
        """Ends a team that owns nothing. Administrators may."""
        who.require_admin()
        with self.database.begin() as session:
            accounts.remove_team(session, team, actor=who.name)
        return models.Done(done=f"Team {team} has ended.")

    def members(self, team: str, who: Known) -> list[models.Member]:
        """Who is in the team, by name. Its members and administrators see them."""
        self._require_sight(who, team)
        with self.database.begin() as session:
            query = select(Membership).where(Membership.team == team).order_by(Membership.person)
            rows = session.scalars(query).all()
        return [models.Member(person=row.person, role=row.role, source=row.source, since=row.since) for row in rows]

    def set_role(self, team: str, person: str, body: models.RoleBody, who: Known) -> models.Done:
        """Gives, changes or takes a role. Administrators and the team's owners may."""
        if not who.admin:
            who.require(Role.OWNER, team)
        with self.database.begin() as session:
            accounts.set_role(session, person, team, body.role, actor=who.name)
        return models.Done(done=f"{person} is {f'{body.role} of' if body.role else 'not in'} team {team}.")

    def policy(self, team: str, who: Known) -> models.Policy:
        """The team's policy now. Its members and administrators see it."""
        return self.policy_history(team, who)[0]

    def put_policy(self, team: str, body: models.PolicyBody, who: Known) -> models.Policy:
        """Makes the next version of the policy, unless it says the same. Administrators may."""
        who.require_admin()
        spec = policy_from(body.document)
        with self.database.begin() as session:
            policies.put_policy(session, team, spec, actor=who.name)
        return self.policy(team, who)

    def policy_history(self, team: str, who: Known) -> list[models.Policy]:
        """Every version of the policy, newest first, down to version 0, the defaults."""
        self._require_sight(who, team)
        with self.database.begin() as session:
            rows = policies.history(session, team)
        return [*map(_policy, rows), models.Policy(team=team, version=0, document={}, by=None, at=None)]

    def _require_sight(self, who: Person, team: str) -> None:
        """Raises NotFoundError for an unknown team, ForbiddenError for whoever is not in it."""
        with self.database.begin() as session:
            known = session.get(TeamRow, team) is not None
        if not known:
            raise NotFoundError(f"team {team!r} does not exist; see: jinsu team list")
        if not who.admin:
            who.require(Role.RESEARCHER, team)


def _policy(row: Policy) -> models.Policy:
    return models.Policy(team=row.team, version=row.version, document=row.document, by=row.by, at=row.at)
