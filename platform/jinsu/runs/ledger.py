"""The append-only history of what served when, who approved it, and on what evidence.

The entries form a chain: each one's hash covers the entry before it, so that an entry that was edited, removed or put in
between is found by `verify`. Whoever appends holds the row of the chain's end, so there is one order.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, String, select, type_coerce
from sqlalchemy.orm import Session

from jinsu.runs.text import clean
from jinsu.state.chain import COVERED, START, link
from jinsu.state.database import Database
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import LedgerEntry, LedgerHead

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


@dataclass(frozen=True)
class Verified:
    """What a walk along the chain found. head: the hash of its end. faults: one sentence for each break."""

    entries: int
    head: str
    faults: tuple[str, ...]


def append(session: Session, entry: Entry) -> None:
    """Adds the entry within a transaction, unless it is there already."""
    head = _head(session)
    if _is_there(session, entry.identity):
        return
    values = {**asdict(entry), "at": round(time.time(), 6), "event": entry.event.value, "detail": clean(entry.detail)}
    head.hash, head.entries = link(head.hash, values), head.entries + 1
    session.add(LedgerEntry(**{**values, "event": entry.event}, hash=head.hash))
    session.flush()


def verify(session: Session, noted: str = "") -> Verified:
    """Walks along the whole chain. noted: the end of the chain at an earlier time, or ""."""
    last, faults, entries, found = START, [], 0, noted in ("", START)
    end = _counted(session)
    for row in session.execute(_rows()):
        entries, end = entries + 1, (row.end_entries, row.end_hash)
        expected = link(last, {name: getattr(row, name) for name in COVERED})
        if row.hash != expected:
            faults.append(
                f"entry {row.id} ({row.model}, {row.event}) does not follow from the one before: "
                "it was edited, or an entry before it was"
            )
        last, found = row.hash, found or row.hash == noted
    if not found:
        faults.append(f"no entry has the hash {noted[:64]} that was noted: the history before it was rewritten")
    if end != (entries, last):
        faults.append(
            f"the ledger holds {entries} entries, its end counts {end[0] or 'none'}: entries at its end are missing or new"
        )
    return Verified(entries, last, tuple(faults))


def _counted(session: Session) -> tuple[int | None, str | None]:
    """What the end of the chain says: how many entries there are, and the hash of the last."""
    head = session.execute(select(LedgerHead.entries, LedgerHead.hash).where(LedgerHead.id == 1)).first()
    return (None, None) if head is None else (head.entries, head.hash)


def _rows() -> Select[Any]:
    """Every entry, with the end of the chain beside it: one statement, so that no entry is added between the two.

    The event is read as text: an edit may have made it one that does not exist.
    """
    columns = [
        type_coerce(LedgerEntry.event, String).label(name) if name == "event" else getattr(LedgerEntry, name)
        for name in ("id", "hash", *COVERED)
    ]
    end = [
        select(column).where(LedgerHead.id == 1).scalar_subquery().label(name)
        for name, column in (("end_entries", LedgerHead.entries), ("end_hash", LedgerHead.hash))
    ]
    return select(*columns, *end).order_by(LedgerEntry.id).execution_options(yield_per=500)


def recorded(database: Database, identity: str) -> bool:
    """Whether the event of this identity is in the ledger."""
    with database.begin() as session:
        return _is_there(session, identity)


def history(database: Database, model: str, limit: int = 200) -> list[LedgerEntry]:
    """The model's events, newest first."""
    with database.begin() as session:
        query = select(LedgerEntry).where(LedgerEntry.model == model).order_by(LedgerEntry.id.desc()).limit(limit)
        return list(session.scalars(query))


def _head(session: Session) -> LedgerHead:
    head = session.get(LedgerHead, 1, with_for_update=True)
    if head is None:
        head = LedgerHead(id=1, entries=0, hash=START)
        session.add(head)
    return head


def _is_there(session: Session, identity: str) -> bool:
    return session.scalar(select(LedgerEntry.id).where(LedgerEntry.identity == identity)) is not None
