"""Who a person is to this platform, and what they may do in each team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.errors import ForbiddenError
from jinsu.state.states import Kept, Role
from jinsu.state.tables import Account, Grant, Membership

PLATFORM = "jinsu"
"""The name under which the platform itself acts; no person may have it."""

_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class Person:
    """A person who was recognised, with the roles of this moment.

    admin: whether the person makes people and teams, puts policies, sees everything, and may stop what harms; an
    administrator submits and approves only in teams whose member they are. teams: the role in each team. readable: what
    teams of the person were let read, beside what their teams own.
    """

    name: str
    admin: bool = False
    teams: Mapping[str, Role] = field(default_factory=dict)
    readable: frozenset[tuple[Kept, str]] = frozenset()

    def has(self, role: Role, team: str) -> bool:
        """Whether the person has this role, or a higher one, in the team."""
        found = self.teams.get(team)
        return found is not None and _RANK[found] >= _RANK[role]

    def sees(self, kind: Kept, name: str, team: str) -> bool:
        """Whether the person may read something that `team` owns."""
        return self.admin or team in self.teams or (kind, name) in self.readable

    def require(self, role: Role, team: str) -> None:
        """Raises ForbiddenError when the person's role in the team is lower than `role`."""
        if not self.has(role, team):
            here = f"{_one(self.teams[team])} of team {team}" if team in self.teams else f"not in team {team}"
            raise ForbiddenError(f"{self.name} is {here}; this needs {_one(role)} of that team.")

    def require_admin(self) -> None:
        """Raises ForbiddenError when the person is no administrator."""
        if not self.admin:
            raise ForbiddenError(f"{self.name} is no administrator; ask one: jinsu user list shows who they are.")


def _one(role: Role) -> str:
    return f"an {role}" if role is Role.OWNER else f"a {role}"


def find(session: Session, name: str) -> Person | None:
    """The person of this name with the roles of this moment; None for an unknown one and for one who has left."""
    account = session.get(Account, name)
    if account is None or account.left is not None:
        return None
    members = session.scalars(select(Membership).where(Membership.person == name)).all()
    teams = {member.team: member.role for member in members}
    granted = session.scalars(select(Grant).where(Grant.team.in_(teams))).all() if teams else ()
    return Person(name, account.admin, teams, frozenset((grant.kind, grant.name) for grant in granted))
