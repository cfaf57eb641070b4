"""Which team owns a problem, a model or a dataset."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.errors import NotFoundError
from jinsu.identity.people import Person
from jinsu.state.states import Kept
from jinsu.state.tables import Dataset, Model, Problem

_TABLES = {Kept.PROBLEM: Problem, Kept.MODEL: Model, Kept.DATASET: Dataset}


def team_of(session: Session, kind: Kept, name: str, person: Person) -> str:
    """The owner's name. Raises NotFoundError when there is no such thing, or the person may not see it."""
    table = _TABLES[kind]
    team = session.scalar(select(table.team).where(table.name == name))  # type: ignore[attr-defined]
    if team is None or not person.sees(kind, name, team):
        raise NotFoundError(f"{kind} {name!r} does not exist, or no team of {person.name} may see it.")
    return str(team)


def owned(session: Session, kind: Kept, teams: frozenset[str]) -> frozenset[str]:
    """The names of everything of this kind that the teams own."""
    table = _TABLES[kind]
    return frozenset(session.scalars(select(table.name).where(table.team.in_(teams))))  # type: ignore[attr-defined]
