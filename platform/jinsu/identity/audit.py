"""The log of what was done to people, rights and rules; never of what a model or its data hold."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.state.states import AuditEvent
from jinsu.state.tables import AuditEntry

_MOST = 2000


def note(session: Session, actor: str, event: AuditEvent, subject: str = "", detail: str = "") -> None:
    """Adds an entry in the transaction that does what it tells of."""
    clean = (text.replace("\0", "")[:_MOST] for text in (actor[:64], subject[:255], detail))
    actor, subject, detail = clean
    session.add(AuditEntry(at=time.time(), actor=actor, event=event, subject=subject, detail=detail))


def latest(session: Session, limit: int = 100, actor: str | None = None) -> Sequence[AuditEntry]:
    """The latest entries, newest first; with `actor`, only those of that person."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    return session.scalars(query if actor is None else query.where(AuditEntry.actor == actor)).all()
