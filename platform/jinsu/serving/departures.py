"""A request whose client has gone is given up, so that nothing is computed for it."""

from __future__ import annotations

import asyncio
from types import TracebackType

from jinsu.serving.asgi_types import Receive

_PATIENCE_SECONDS = 0.02
"""How long a request waits before anything asks whether its client is still there; most are answered sooner."""


class ClientGone(Exception):
    """Nobody waits for the reply."""


class Departures:
    """Listens for `http.disconnect` on behalf of the requests that wait for longer than a moment.

    One timer serves all requests, and only those that are still waiting when it ends get a task of their own, so the others
    cost two operations on a set.
    """

    def __init__(self) -> None:
        self._waiting: set[_Watch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watched(self, receive: Receive) -> _Watch:
        """A block of the present task, which is cancelled when the client goes; it then raises ClientGone."""
        return _Watch(self, receive)

    def add(self, watch: _Watch) -> None:
        self._waiting.add(watch)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._listen)

    def discard(self, watch: _Watch) -> None:
        self._waiting.discard(watch)

    def _listen(self) -> None:
        """The next look comes when those that have begun to wait since may be late too."""
        for watch in self._waiting:
            watch.listen()
        self._waiting.clear()
        self._timer = None


class _Watch:
    """One request's wait. gone: whether the client has left."""

    __slots__ = ("_departures", "_gone", "_listener", "_receive", "_task")

    def __init__(self, departures: Departures, receive: Receive) -> None:
        self._departures, self._receive = departures, receive
        self._listener: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._departures.add(self)

    def listen(self) -> None:
        self._listener = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._departures.discard(self)
        if self._listener is not None:
            self._listener.cancel()
        if self._gone and kind is not None and issubclass(kind, asyncio.CancelledError):
            self._task.uncancel()
            raise ClientGone from None
