"""The record of a registered version in Jinsu's own database."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.state.tables import Candidate


def package_of(session: Session, model: str, version: str) -> str | None:
    """Run key of the package step that made this version; None when Jinsu did not register it."""
    return session.scalar(select(Candidate.package).where(Candidate.model == model, Candidate.version == version))
