"""The record of a registered version in Jinsu's own database."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.packaging.contents import SealedPackage
from jinsu.state.tables import Candidate


def package_of(session: Session, model: str, version: str) -> str | None:
    """Run key of the package step that made this version; None when Jinsu did not register it."""
    return session.scalar(select(Candidate.package).where(Candidate.model == model, Candidate.version == version))


def sealed_package(session: Session, model: str, version: str) -> SealedPackage | None:
    """What a server of this version must answer from; None when Jinsu did not register it."""
    row = session.scalar(select(Candidate).where(Candidate.model == model, Candidate.version == version))
    if row is None:
        return None
    return SealedPackage(row.package, row.contents or "", row.memory or 0, row.image or "", row.gpu or 0)
