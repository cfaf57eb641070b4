"""Lets PostgreSQL's notifications end the pauses between the passes of the controller's work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import NoReturn

from jinsu.clients.notifications import Notifications, Subscription
from jinsu.controller.pacing import Pace
from jinsu.errors import TransientError

_ATTEMPT_SECONDS = 1.0
_SHORTEST_PAUSE_SECONDS = 0.05


class Pauses:
    """The pauses between the passes of one piece of work. Made by `Changes.pauses`."""

    def __init__(self, pace: Pace, changes: Changes) -> None:
        self._pace, self._changes, self._changed = pace, changes, asyncio.Event()

    def begin_pass(self) -> None:
        """What changes from now on is seen by the pass that begins, or ends the pause after it."""
        self._changed.clear()

    async def wait(self, busy: bool, spent: float = 0.0) -> None:
        """Waits until the next pass. busy: whether the pass left work, or failed. spent: seconds to take off the pause.

        A pause is never shorter than 0.05 s, so that a flood of changes cannot keep the work going without an end.
        """
        await asyncio.sleep(_SHORTEST_PAUSE_SECONDS)
        seconds = self._pace.busy if busy or self._changes.polled else self._pace.idle
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - spent - _SHORTEST_PAUSE_SECONDS):
                await self._changed.wait()

    def end(self, changed: Collection[str] | None = None) -> None:
        """Ends the pause when it waits for one of these tables; without `changed`, when it waits for any."""
        tables = self._pace.tables
        if tables if changed is None else any(table in changed for table in tables):
            self._changed.set()


class Changes:
    """Tells each piece of work when a table that it waits for has changed."""

    def __init__(self, subscriptions: tuple[Subscription, ...] = ()) -> None:
        self._subscriptions = subscriptions
        self._silent = set(range(len(subscriptions)))
        self._pauses: list[Pauses] = []

    @property
    def polled(self) -> bool:
        """Whether a database sends no notifications; then all work goes at its busy pace."""
        return bool(self._silent)

    def pauses(self, pace: Pace) -> Pauses:
        made = Pauses(pace, self)
        self._pauses.append(made)
        return made

    def announce(self, changed: Collection[str] | None = None) -> None:
        """Ends the pauses that wait for one of these tables; without `changed`, those that wait for any."""
        for pauses in self._pauses:
            pauses.end(changed)

    async def follow(self) -> None:
        """Listens to every database for as long as the process lives, and again after one was away."""
        await asyncio.gather(*(self._follow(number) for number in range(len(self._subscriptions))))

    async def _follow(self, number: int) -> NoReturn:
        subscription = self._subscriptions[number]
        try:
            while True:
                notifications = await asyncio.to_thread(subscription.current)
                if notifications is None:
                    await asyncio.sleep(_ATTEMPT_SECONDS)
                    continue
                self._silent.discard(number)
                self.announce()  # what changed before the connection was open was not heard
                try:
                    await self._pass_on(notifications)
                except TransientError as problem:
                    subscription.failed(problem)
                    self._silent.add(number)
                    self.announce()  # the long pauses relied on this database
        finally:
            subscription.close()

    async def _pass_on(self, notifications: Notifications) -> NoReturn:
        """Raises TransientError when the database no longer sends notifications."""
        loop, readable, descriptor = asyncio.get_running_loop(), asyncio.Event(), notifications.fileno()
        loop.add_reader(descriptor, readable.set)
        try:
            while True:
                await readable.wait()
                readable.clear()
                self.announce(notifications.changed())
        finally:
            loop.remove_reader(descriptor)
