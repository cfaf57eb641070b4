"""The controller's work at rest: PostgreSQL wakes it, and it polls while PostgreSQL cannot."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.support.postgres import execute
from tests.support.waiting import until_async

from jinsu.clients import notifications
from jinsu.clients.notifications import Subscription, WatchedTable
from jinsu.controller.changes import Changes
from jinsu.controller.pacing import Pace
from jinsu.controller.repeat import repeat

RUNS = (WatchedTable("runs", ("state",)),)
PACE = Pace(busy=0.1, idle=60.0, tables=("runs",))
INSERT = "INSERT INTO runs VALUES (1, 'queued')"
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jinsu notifications'"


@pytest.fixture
def url(empty_database: str) -> str:
    execute(empty_database, "CREATE TABLE runs (id int, state text)")
    return empty_database


class Watched:
    """Work that goes at its pace, and when its passes began."""

    def __init__(self, url: str) -> None:
        self.begun: list[float] = []
        self.changes = Changes((Subscription(url, RUNS),))

    async def passes(self, number: int) -> None:
        """Waits for so many passes. At the idle pace the second takes a minute."""
        await until_async(lambda: len(self.begun) >= number, 30, f"pass {number}")

    async def rests(self) -> int:
        """Waits until the database is listened to and no pass begins any more; returns how many have."""
        await until_async(lambda: not self.changes.polled, 60, "the connection")
        while True:
            seen = len(self.begun)
            await asyncio.sleep(0.7)
            if seen and seen == len(self.begun):
                return seen


def watch(url: str, look: Callable[[Watched], Coroutine[Any, Any, None]]) -> None:
    """Looks at work that is repeated meanwhile."""

    async def run() -> None:
        watched = Watched(url)
        work = repeat(lambda: watched.begun.append(time.monotonic()), watched.changes.pauses(PACE), "looking")
        tasks = [asyncio.create_task(watched.changes.follow()), asyncio.create_task(work)]
        try:
            await look(watched)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_work_at_rest_begins_when_a_row_changes_and_then_rests_again(url: str) -> None:
    async def look(work: Watched) -> None:
        before = await work.rests()
        await asyncio.to_thread(execute, url, INSERT)
        await work.passes(before + 1)
        assert await work.rests() == before + 1

    watch(url, look)


def test_work_at_rest_does_nothing(url: str) -> None:
    async def look(work: Watched) -> None:
        before = await work.rests()
        await asyncio.sleep(1.0)
        assert len(work.begun) == before

    watch(url, look)


def test_work_polls_while_the_database_sends_no_notifications(url: str) -> None:
    execute(url, "DROP TABLE runs")

    async def look(work: Watched) -> None:
        await work.passes(6)
        assert work.begun[5] - work.begun[0] > 5 * 0.8 * PACE.busy

    watch(url, look)


def test_work_polls_after_the_connection_was_cut_until_there_is_a_new_one(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_FIRST_PAUSE_SECONDS", 3.0)
    monkeypatch.setattr("jinsu.controller.changes._ATTEMPT_SECONDS", 0.1)

    async def look(work: Watched) -> None:
        before = await work.rests()
        await asyncio.to_thread(execute, url, CUT)
        await work.passes(before + 3)  # the long pause relied on the connection
        rested = await work.rests()
        await asyncio.sleep(1.0)
        assert len(work.begun) == rested, "with the new connection it rests"

    watch(url, look)
