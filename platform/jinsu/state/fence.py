"""One controller at a time: each takes an epoch when it begins, and writes nothing once a successor has taken the next.

A controller may be paused, cut off from the network or replaced at any moment, and go on later. The database decides: every
transaction of a controller that writes, or locks rows, holds the row of the epoch first, and ends with `SupersededError` when the
epoch is no longer its own. A successor waits for the transactions that hold the row, so there is no moment with two writers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, func, insert, select, update
from sqlalchemy.orm import Session

from jinsu.state.database import Database
from jinsu.state.tables import ControllerEpoch

_IDLE_TIMEOUT = "60s"
"""After how long PostgreSQL ends a transaction whose process stands still, so that a successor can begin."""


class SupersededError(Exception):
    """Another controller has begun since this one did. No JinsuError: no single piece of work has failed, all of it ends."""


@dataclass(frozen=True)
class Beat:
    """What the row of the epoch says: which epoch holds, in which process, and when that process last renewed it."""

    epoch: int
    holder: str
    renewed: float


@dataclass(frozen=True)
class Fence:
    """The right of one process to write as the controller. Made by `take`."""

    url: str
    epoch: int

    @classmethod
    def take(cls, url: str, holder: str) -> Fence:
        """Begins the next epoch: whoever had the one before writes nothing any more. holder: names this process.

        Waits for the writes that are under way, for a minute at most. Raises SQLAlchemyError when the database does not answer.
        """
        successor = ControllerEpoch.epoch + 1
        with Database(url).begin() as session:
            begun = update(ControllerEpoch).values(epoch=successor, holder=holder, renewed=time.time())
            epoch = session.execute(begun.returning(ControllerEpoch.epoch), execution_options=_AS_IS).scalar()
            if epoch is None:  # the tables were made without the migrations
                epoch = 1
                session.execute(insert(ControllerEpoch).values(epoch=epoch, holder=holder, renewed=time.time()))
        return cls(url, int(epoch))

    def renew(self) -> None:
        """Records that this controller lives. Raises SupersededError when it is no longer the one that may write."""
        mine = ControllerEpoch.epoch == self.epoch
        renewed = update(ControllerEpoch).where(mine).values(renewed=time.time()).returning(ControllerEpoch.epoch)
        with Database(self.url).begin() as session:
            found = session.execute(renewed, execution_options=_AS_IS).scalar()
        self._require(found)

    def look(self) -> Beat:
        """What the row says now, whoever holds it."""
        with Database(self.url).begin() as session:
            row = session.scalars(select(ControllerEpoch)).one()
            return Beat(row.epoch, row.holder, row.renewed)

    def check(self, session: Session) -> None:
        """Raises SupersededError when this epoch is over. The answer may be late: only `hold` keeps a successor out."""
        connection, question = session.connection(), select(ControllerEpoch.epoch)
        if connection.dialect.name == "postgresql":
            question = question.add_columns(func.set_config("idle_in_transaction_session_timeout", _IDLE_TIMEOUT, True))
        self._require(connection.execute(question).scalar())

    def hold(self, session: Session) -> None:
        """Keeps a successor waiting until the transaction ends. Raises SupersededError when there is one already."""
        mine, connection = ControllerEpoch.epoch == self.epoch, session.connection()
        if connection.dialect.name == "sqlite":  # it knows no locks of rows; one that writes keeps all others waiting
            held = update(ControllerEpoch).where(mine).values(holder=ControllerEpoch.holder)
            self._require(self.epoch if connection.execute(held).rowcount else None)
        else:
            held_row = select(ControllerEpoch.epoch).where(mine).with_for_update(read=True, key_share=True)
            self._require(connection.execute(held_row).scalar())

    def _require(self, epoch: int | None) -> None:
        if epoch != self.epoch:
            raise SupersededError(f"another controller has begun since this one, which had epoch {self.epoch}")


_AS_IS = {"synchronize_session": False}


class FencedDatabase(Database):
    """The database as a controller sees it. A transaction that writes or locks rows holds the fence before it does."""

    def __init__(self, fence: Fence) -> None:
        super().__init__(fence.url)
        self._fence = fence

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Raises SupersededError, at once or before the first write, when the controller's epoch is over."""
        with super().begin() as session:
            self._fence.check(session)
            self._guard(session)
            yield session

    def _guard(self, session: Session) -> None:
        held = False

        def hold(*_: Any) -> None:
            nonlocal held
            if not held:
                self._fence.hold(session)
                held = True

        def hold_for(statement: Any) -> None:
            locks = getattr(statement.statement, "_for_update_arg", None) is not None
            if locks or not statement.is_select:
                hold()

        event.listen(session, "before_flush", hold)
        event.listen(session, "do_orm_execute", hold_for)
