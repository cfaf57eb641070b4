"""Which team owns a dataset, and who may put its versions."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.errors import ConflictError, ForbiddenError, NotFoundError
from jinsu.identity.people import Person
from jinsu.runs.problems import team_for
from jinsu.state.database import Database
from jinsu.state.states import Kept, Role
from jinsu.state.tables import Dataset, Problem

_DEFAULT_TEAM = "default"


@dataclass(frozen=True)
class Ownership:
    """Answers who owns a dataset, and records it."""

    database: Database
    datasets: DatasetStore

    def claim(self, person: Person, name: str, team: str = "", *, keep: bool = True) -> str:
        """The team for which a person may put a version of a dataset. With `keep`, a new name becomes that team's.

        Raises ForbiddenError, BadInputError when the team must be named, ConflictError for a name of another team.
        """
        with self.database.begin() as session:
            row = session.get(Dataset, name)
        if row is None:
            owner = team_for(person, team, Role.RESEARCHER)
            if not keep or self._keep(person, name, owner):
                return owner
            return self.claim(person, name, team)  # another team was first
        if row.team not in person.teams:
            raise ConflictError(f"dataset {name!r} is taken by another team; choose another name.")
        if team and team != row.team:
            raise ConflictError(f"dataset {name!r} belongs to team {row.team}, not to {team}.")
        person.require(Role.RESEARCHER, row.team)
        return row.team

    def _keep(self, person: Person, name: str, team: str) -> bool:
        """Whether the name is the team's now; a name has one owner, however many claim it at once."""
        try:
            with self.database.begin() as session:
                session.add(Dataset(name=name, team=team, by=person.name, created=time.time()))
        except IntegrityError:
            return False
        return True

    def require_readable(self, person: Person, name: str) -> None:
        """Raises NotFoundError for a dataset that does not exist, or that the person may not see."""
        with self.database.begin() as session:
            row = session.get(Dataset, name)
        if row is None or not person.sees(Kept.DATASET, name, row.team):
            raise NotFoundError(
                f"dataset {name!r} does not exist, or no team of {person.name} may read it; see: jinsu data list"
            )

    def require_rows(self, person: Person, version: DatasetVersion) -> None:
        """Raises NotFoundError as `require_readable`, and ForbiddenError for somebody who may not have the rows themselves.

        Some of them are held out by a problem. Owners may have them, and whoever put the version, who has them anyway; other
        members of the team where no problem judges by the dataset.
        """
        self.require_readable(person, version.name)
        with self.database.begin() as session:
            team = session.get_one(Dataset, version.name).team
            problem = session.scalar(select(Problem.name).where(Problem.dataset == version.name).limit(1))
        if not may_have_rows(person, team, version.created_by, judged=problem is not None):
            held = f", and problem {problem!r} holds rows of it out" if problem and team in person.teams else ""
            raise ForbiddenError(
                f"dataset {version.name!r} belongs to team {team}{held}: its rows leave the platform for owners of that team "
                "and for whoever put them. Ask an owner for a copy, or train on it through a problem."
            )

    def require_owner(self, person: Person, name: str) -> str:
        """The team that owns the dataset. Raises NotFoundError as `require_readable`, ForbiddenError for no owner of that team."""
        self.require_readable(person, name)
        with self.database.begin() as session:
            team = session.get_one(Dataset, name).team
        person.require(Role.OWNER, team)
        return team

    def readable(self, person: Person) -> list[DatasetVersion]:
        """The latest version of every dataset that the person may see, by name."""
        with self.database.begin() as session:
            owners = {row.name: row.team for row in session.query(Dataset)}
        return [
            version
            for version in self.datasets.all()
            if version.name in owners and person.sees(Kept.DATASET, version.name, owners[version.name])
        ]

    def adopt(self) -> None:
        """Gives datasets without an owner, which version 0.1 left, to the default team."""
        names = {version.name: version.created_by for version in self.datasets.all()}
        with self.database.begin() as session:
            for name, by in names.items():
                if session.get(Dataset, name) is None:
                    session.add(Dataset(name=name, team=_DEFAULT_TEAM, by=by[:64], created=time.time()))


def may_have_rows(person: Person, team: str, put_by: str, *, judged: bool) -> bool:
    """Whether a person may take a copy of a version's rows. team: the owner. judged: a problem holds rows out. Pure."""
    if person.has(Role.OWNER, team):
        return True
    return person.has(Role.RESEARCHER, team) and (put_by == person.name or not judged)
