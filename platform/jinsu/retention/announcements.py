"""What is about to be removed is announced in the records, so that a run that needs it sees that it goes."""

from __future__ import annotations

import time
from collections.abc import Iterable

from jinsu.retention.decision import Unneeded
from jinsu.state.database import Database
from jinsu.state.tables import Removal


def announce(database: Database, items: Iterable[Unneeded]) -> None:
    """Says that these objects go now."""
    with database.begin() as session:
        for item in items:
            session.merge(Removal(name=item.name, at=time.time(), why=item.why, size=item.size, done=False))


def withdraw(database: Database, names: Iterable[str]) -> None:
    """Says that these objects stay after all."""
    with database.begin() as session:
        for name in names:
            if (row := session.get(Removal, name)) is not None:
                session.delete(row)
