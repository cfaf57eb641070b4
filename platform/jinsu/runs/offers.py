"""Keeps the catalog as the records are: the problems of each team, and the code that its people have submitted."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jinsu.runs.catalog import Catalog, CodeVersion, Offer
from jinsu.state.database import Database
from jinsu.state.tables import Problem, Submission, Team

_CODES = 40
"""How many code versions a team is offered."""


@dataclass(frozen=True)
class Offers:
    """Refreshes the catalog; repeating it changes nothing."""

    database: Database
    catalog: Catalog

    def refresh(self) -> None:
        """Raises TransientError when the catalog cannot be written now."""
        with self.database.begin() as session:
            teams = list(session.scalars(select(Team.name).order_by(Team.name)))
            offers = {team: _offer(session, team) for team in teams}
        self.catalog.offer(offers)


def _offer(session: Session, team: str) -> Offer:
    problems = session.scalars(select(Problem.name).where(Problem.team == team).order_by(Problem.name))
    newest = (
        select(func.max(Submission.created))
        .where(Submission.team == team)
        .group_by(Submission.model, Submission.code_digest)
        .order_by(func.max(Submission.created).desc())
        .limit(_CODES)
    )
    times = list(session.scalars(newest))
    rows = select(Submission).where(Submission.team == team, Submission.created.in_(times))
    codes = {(row.model, row.code_digest): row for row in session.scalars(rows.order_by(Submission.created))}
    ordered = sorted(codes.values(), key=lambda row: -row.created)
    return Offer(tuple(problems), tuple(_code(row) for row in ordered))


def _code(row: Submission) -> CodeVersion:
    at = round(row.created, 3)
    return CodeVersion(row.model, row.problem, row.code_digest, row.submitter, at, row.code_params)
