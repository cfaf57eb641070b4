"""The people of the tests: two teams who do not trust each other. Everybody's API token is `token of NAME`."""

from sqlalchemy.orm import Session

from jinsu.identity import accounts, tokens
from jinsu.identity.people import Person, find
from jinsu.state.database import Database
from jinsu.state.states import Role, TokenUse

TEAMS = {
    "default": {
        "ann": Role.RESEARCHER,
        "eve": Role.RESEARCHER,
        "bob": Role.REVIEWER,
        "carl": Role.REVIEWER,
        "olga": Role.OWNER,
    },
    "toys": {"tom": Role.RESEARCHER, "tess": Role.REVIEWER, "theo": Role.OWNER},
}
"""Roles by team and name."""
ADMIN = "root"
"""An administrator who is in no team."""


def make_people(database: Database) -> None:
    """Makes both teams with everybody in them, and the administrator."""
    with database.begin() as session:
        _add(session, ADMIN, admin=True)
        for team, members in TEAMS.items():
            accounts.ensure_team(session, team, actor=ADMIN)
            for name, role in members.items():
                _add(session, name)
                accounts.set_role(session, name, team, role, actor=ADMIN)


def _add(session: Session, name: str, *, admin: bool = False) -> None:
    accounts.add_person(session, name, actor=ADMIN, admin=admin)
    tokens.keep(session, name, TokenUse.API, f"token of {name}", label="for tests", lifetime=None)


def person(database: Database, name: str) -> Person:
    """Somebody who is known, as of now."""
    with database.begin() as session:
        found = find(session, name)
    assert found is not None, f"{name} is not known"
    return found
