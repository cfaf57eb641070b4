"""Notifications of changed rows from PostgreSQL, so that a process may look rarely and still act at once.

Triggers on the watched tables send them (LISTEN and NOTIFY). Whoever listens puts the triggers in place where they are
missing. Airflow's and MLflow's tables are watched too. Therefore a trigger names no column that PostgreSQL could check,
so that the owners of a table may alter and drop its columns, and a trigger never fails a write. docs/adr/0015-rest.md
says why there are triggers, and how they are removed.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from jinsu.errors import TransientError

log = logging.getLogger("jinsu.notifications")

CHANNEL = "jinsu"

_BODY = """
DECLARE
    changed boolean := true;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        BEGIN
            changed := EXISTS (
                SELECT FROM unnest(TG_ARGV) AS name WHERE to_jsonb(OLD) -> name IS DISTINCT FROM to_jsonb(NEW) -> name
            );
        EXCEPTION WHEN OTHERS THEN
            changed := true;  -- rows that cannot be compared
        END;
    END IF;
    IF changed THEN
        PERFORM pg_notify('jinsu', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
"""
_CREATE_FUNCTION = f"CREATE OR REPLACE FUNCTION jinsu_notify() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$"
_COMMENT_FUNCTION = """
COMMENT ON FUNCTION jinsu_notify() IS
'Jinsu: wakes the processes that wait for a change of a row. To remove it with its triggers: '
'DROP FUNCTION jinsu_notify() CASCADE. While Jinsu runs, set notifications to false first.'
"""
_CREATE_TRIGGER = """
CREATE OR REPLACE TRIGGER jinsu_notify AFTER INSERT OR UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION jinsu_notify({columns})
"""
_FUNCTION_IS_THERE = "SELECT EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure('jinsu_notify()') AND prosrc = %s)"
_TRIGGER_IS_THERE = """
SELECT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(%s) AND tgname = 'jinsu_notify' AND tgfoid = to_regprocedure('jinsu_notify()') AND tgargs = %s
)
"""

# A server that cannot be reached is noticed after seconds, also when a firewall has forgotten the idle connection.
_CONNECTION: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_SELF_TEST_SECONDS = 2.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 300.0


@dataclass(frozen=True)
class WatchedTable:
    """A table whose rows cause a notification when they appear, go, or change in one of these columns."""

    name: str
    columns: tuple[str, ...]


class Notifications:
    """A connection that hears which watched tables changed.

    Every method but `close` raises TransientError when the database sends no notifications, or no longer.
    """

    def __init__(self, url: str, tables: tuple[WatchedTable, ...]) -> None:
        """url: as SQLAlchemy writes it, of PostgreSQL with any driver."""
        self._uri = "postgresql" + url[url.index("://") :]
        self._tables = tables
        with self._translated():
            self._connection = self._connect()
        try:
            with self._translated():
                self._connection.execute(f"LISTEN {CHANNEL}".encode())
                self._test_itself()
                self._put_triggers()
        except TransientError:
            self.close()
            raise

    def fileno(self) -> int:
        """What becomes readable when a notification arrives, or the connection ends."""
        with self._translated():
            return self._connection.fileno()

    def changed(self) -> frozenset[str]:
        """Names of the tables that changed since the last call; does not wait."""
        with self._translated():
            heard = {notification.payload for notification in self._connection.notifies(timeout=0)}
        return frozenset(heard.intersection(table.name for table in self._tables))

    def ask(self, question: str) -> bool:
        """The answer to an SQL statement that selects one boolean."""
        with self._translated():
            row = self._connection.execute(question.encode()).fetchone()
        return row is not None and bool(row[0])

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._uri, autocommit=True, application_name="jinsu notifications", **_CONNECTION)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns psycopg's errors into one sentence."""
        try:
            yield
        except psycopg.Error as problem:
            first_line = str(problem).strip().partition("\n")[0]
            raise self._error(first_line) from problem

    def _error(self, reason: str) -> TransientError:
        name = urlsplit(self._uri).path.lstrip("/")
        return TransientError(f"The database {name} sends no notifications, so it is polled: {reason}")

    def _test_itself(self) -> None:
        """Raises TransientError unless a notification arrives that another connection sends.

        A pool that lends its connections for one transaction (PgBouncer's `pool_mode = transaction`) accepts LISTEN
        and delivers nothing.
        """
        token = secrets.token_hex(8)
        with self._connect() as other:
            other.execute("SELECT pg_notify(%s, %s)", (CHANNEL, token))
        with contextlib.closing(self._connection.notifies(timeout=_SELF_TEST_SECONDS)) as notifications:
            if any(notification.payload == token for notification in notifications):
                return
        self._connection.execute(b"UNLISTEN *")  # the pool lends the same connection to others
        raise self._error(
            "a notification did not arrive. A connection pool such as PgBouncer needs pool_mode = session for this account."
        )

    def _put_triggers(self) -> None:
        """Changes the schema only where the function or a trigger is missing, or another version's."""
        if not self._holds(_FUNCTION_IS_THERE, _BODY):
            self._define(sql.SQL(_CREATE_FUNCTION))
            self._define(sql.SQL(_COMMENT_FUNCTION))
        for table in self._tables:
            if not self._holds(
                _TRIGGER_IS_THERE, table.name, "".join(f"{column}\0" for column in table.columns).encode()
            ):
                columns = sql.SQL(", ").join(map(sql.Literal, table.columns))
                self._define(sql.SQL(_CREATE_TRIGGER).format(table=sql.Identifier(table.name), columns=columns))

    def _define(self, statement: sql.SQL | sql.Composed) -> None:
        """One statement in a transaction of its own: two locks held at once could stand in each other's way."""
        with self._connection.transaction():
            self._connection.execute("SET LOCAL lock_timeout = '1s'")  # who wants the table meanwhile waits with us
            self._connection.execute(b"SELECT pg_advisory_xact_lock(hashtext('jinsu_notify'))")
            self._connection.execute(statement)

    def _holds(self, question: str, *arguments: object) -> bool:
        row = self._connection.execute(question.encode(), arguments).fetchone()
        return row is not None and bool(row[0])


@dataclass
class Subscription:
    """Notifications of a database that may refuse them. A failure is logged once, and tried again after a growing pause.

    wanted: False where notifications are switched off. A database that is not PostgreSQL sends none either.
    """

    url: str = field(repr=False)
    tables: tuple[WatchedTable, ...]
    wanted: bool = True
    _notifications: Notifications | None = field(default=None, init=False, repr=False)
    _pause: float = field(default=0.0, init=False)
    next_attempt: float = field(default=0.0, init=False)
    _logged: str = field(default="", init=False)

    def current(self) -> Notifications | None:
        """None while there are none. Opening them may take some seconds."""
        if self._notifications is None and self._possible and time.monotonic() >= self.next_attempt:
            try:
                self._notifications = Notifications(self.url, self.tables)
            except TransientError as problem:
                self.failed(problem)
            else:
                log.info("PostgreSQL notifies of changes in %s", ", ".join(table.name for table in self.tables))
                self._pause, self._logged = 0.0, ""
        return self._notifications

    def failed(self, problem: TransientError) -> None:
        """Gives the connection up until the next attempt."""
        if str(problem) != self._logged:
            log.warning("%s", problem)
        self._logged = str(problem)
        self._pause = min(_LONGEST_PAUSE_SECONDS, max(_FIRST_PAUSE_SECONDS, 2 * self._pause))
        self.next_attempt = time.monotonic() + self._pause
        self.close()

    def close(self) -> None:
        if self._notifications is not None:
            self._notifications.close()
        self._notifications = None

    @property
    def _possible(self) -> bool:
        return self.wanted and self.url.startswith("postgresql")
