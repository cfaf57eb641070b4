"""The init container of every other process: returns once the database has this version's schema."""

from __future__ import annotations

import time

from sqlalchemy.exc import SQLAlchemyError

from jinsu import settings as configuration
from jinsu.errors import TransientError
from jinsu.state.database import Database

_PATIENCE = 600.0


def start() -> None:
    """Asks once a second. Raises TransientError when the schema is not there within ten minutes."""
    database_url = configuration.load().database_url
    deadline = time.monotonic() + _PATIENCE
    while not _current(database_url):
        if time.monotonic() > deadline:
            raise TransientError(
                f"the database was not migrated within {_PATIENCE:g} s; see the logs of Job 'migrate'."
            )
        time.sleep(1)


def _current(database_url: str) -> bool:
    try:
        return Database(database_url).current()
    except SQLAlchemyError:
        return False
