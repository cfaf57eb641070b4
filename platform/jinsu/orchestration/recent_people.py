"""People as the database knew them a few seconds ago: Airflow's pages ask many times a second who somebody is."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from jinsu.identity.people import Person, find
from jinsu.state.database import Database


class RecentPeople:
    """Asks the database for a person again after `seconds`, so that who left, or lost a role, is refused soon after."""

    def __init__(self, database: Database, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._seconds, self._clock = database, seconds, clock
        self._found: dict[str, tuple[float, Person | None]] = {}
        self._lock = Lock()

    def find(self, name: str) -> Person | None:
        """The person of this name; None for an unknown one, and for one who has left."""
        with self._lock:
            asked, person = self._found.get(name, (float("-inf"), None))
            if self._clock() >= asked + self._seconds:
                with self._database.begin() as session:
                    person = find(session, name)
                self._found[name] = (self._clock(), person)
            return person
