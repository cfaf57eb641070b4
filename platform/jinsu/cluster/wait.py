"""The init container of every other process: returns once the database has this version's schema."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from jinsu import settings as configuration
from jinsu.errors import TransientError
from jinsu.state.database import Database

log = logging.getLogger("jinsu.wait")

_PATIENCE = 600.0
_SAID_EVERY = 30.0


def start() -> None:
    """Asks once a second. Raises TransientError when the schema is not there within ten minutes."""
    database_url = configuration.load().database_url
    begun = time.monotonic()
    said = begun
    while reason := missing(database_url):
        now = time.monotonic()
        if now > begun + _PATIENCE:
            raise TransientError(f"after {_PATIENCE:g} s {reason}")
        if now > said + _SAID_EVERY:
            said = now
            log.warning("this pod waits: %s", reason)
        time.sleep(1)


def missing(database_url: str) -> str:
    """What the process waits for, and where to look; empty when it may start."""
    try:
        if Database(database_url).current():
            return ""
    except SQLAlchemyError as problem:
        first_line = str(getattr(problem, "orig", None) or problem).strip().partition("\n")[0]
        return f"the database does not answer ({first_line}); see its own log, and with the bundled one that of StatefulSet database."
    return (
        "the database was not migrated to this version's schema; see the log of Job migrate. After a rollback it has a newer "
        "version's schema, which needs that version."
    )
