"""Places for what takes memory, disk and time to receive: a few for all people, fewer for one, first come first served."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class NoPlace(Exception):
    """All places stayed taken for as long as the caller was ready to wait."""


class Slots:
    """`places` for everybody, `each` for one owner. One event loop uses an object of it."""

    def __init__(self, places: int, each: int, patience: float) -> None:
        self._places, self._each, self._patience = places, each, patience
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def of(self, owner: str) -> AsyncIterator[None]:
        """Holds a place of the owner's. Raises NoPlace after `patience` seconds."""
        await self._take(owner)
        try:
            yield
        finally:
            self._held[owner] -= 1
            self._held += Counter()  # forgets owners without a place
            self._give_on()

    async def _take(self, owner: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((owner, turn))
        self._give_on()
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as problem:
            if (owner, turn) in self._waiting:
                self._waiting.remove((owner, turn))
            elif turn.done() and not turn.cancelled():  # given at the very moment at which the wait ended
                self._held[owner] -= 1
                self._give_on()
            if isinstance(problem, TimeoutError):
                raise NoPlace from None
            raise

    def _give_on(self) -> None:
        """Gives free places to the first who may have one."""
        for owner, turn in list(self._waiting):
            if self._held.total() >= self._places:
                return
            if self._held[owner] < self._each:
                self._waiting.remove((owner, turn))
                self._held[owner] += 1
                turn.set_result(None)
