"""The append-only history of what served when, who approved it, and on what evidence."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jinsu.state.database import Database
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import LedgerEntry

MOVES = (LedgerEvent.PROMOTED, LedgerEvent.ROLLED_BACK, LedgerEvent.MOVED_BY_HAND)
"""Events after which the version is the champion."""


@dataclass(frozen=True)
class Entry:
    """One event. `identity` names it: an event that is recorded twice is one entry. previous: the champion before."""

    identity: str
    model: str
    event: LedgerEvent
    version: str
    previous: str | None
    actor: str
    submission: str | None = None
    evidence: str | None = None
    detail: str = ""


def append(session: Session, entry: Entry) -> None:
    """Adds the entry within a transaction, unless it is there already."""
    if not _is_there(session, entry.identity):
        session.add(LedgerEntry(at=time.time(), **asdict(entry)))


def record(database: Database, entry: Entry) -> None:
    """Adds the entry in a transaction of its own."""
    try:
        with database.begin() as session:
            append(session, entry)
    except IntegrityError:
        return  # another process has added it meanwhile


def recorded(database: Database, identity: str) -> bool:
    """Whether the event of this identity is in the ledger."""
    with database.begin() as session:
        return _is_there(session, identity)


def _is_there(session: Session, identity: str) -> bool:
    return session.scalar(select(LedgerEntry.id).where(LedgerEntry.identity == identity)) is not None


def last_move(session: Session, model: str) -> LedgerEntry | None:
    """The event that made the present champion, as far as the ledger knows."""
    return session.scalar(
        select(LedgerEntry)
        .where(LedgerEntry.model == model, LedgerEntry.event.in_(MOVES))
        .order_by(LedgerEntry.id.desc())
        .limit(1)
    )


def history(database: Database, model: str, limit: int = 200) -> list[LedgerEntry]:
    """The model's events, newest first."""
    with database.begin() as session:
        query = select(LedgerEntry).where(LedgerEntry.model == model).order_by(LedgerEntry.id.desc()).limit(limit)
        return list(session.scalars(query))
