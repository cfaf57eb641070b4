"""One engine a process, short transactions, and the schema brought up to date by Alembic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from jinsu.errors import TransientError

_SECONDS = 10.0
"""How long a transaction waits for a connection, and a connection for a server that does not answer."""
_AWAY = (OperationalError, InterfaceError, PoolTimeout)
MIGRATIONS = Path(__file__).with_name("migrations")


@lru_cache(maxsize=4)
def engine(url: str) -> Engine:
    """An engine for `url` (PostgreSQL, or SQLite in tests), with few connections: many processes share the server."""
    if url.startswith("sqlite"):
        made = create_engine(url, connect_args={"timeout": 30})
        event.listen(made, "connect", _sqlite_pragmas)
        return made
    return create_engine(
        url,
        pool_size=1,
        max_overflow=4,
        pool_pre_ping=True,
        pool_recycle=600,
        pool_timeout=_SECONDS,
        connect_args={"connect_timeout": int(_SECONDS), "tcp_user_timeout": int(_SECONDS * 1000)},
    )


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA foreign_keys=ON")


class Database:
    """Opens transactions; everything inside `begin()` happens together or not at all.

    A server that is away, stops, or refuses a statement for the moment is a TransientError in every process.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def begin(self) -> Iterator[Session]:
        try:
            with Session(engine(self.url), expire_on_commit=False) as session, session.begin():
                yield session
        except _AWAY as problem:
            raise TransientError("the platform's database does not answer; try again in a moment.") from problem

    def migrate(self) -> None:
        """Brings the schema to this version of Jinsu."""
        from alembic import command

        command.upgrade(self._alembic(), "head")

    def current(self) -> bool:
        """Whether the schema is this version's. Raises SQLAlchemyError when the server does not answer."""
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        with engine(self.url).connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        return found == ScriptDirectory.from_config(self._alembic()).get_current_head()

    def _alembic(self) -> Any:
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["engine"] = engine(self.url)
        return config
