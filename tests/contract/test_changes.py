"""The controller's work at rest: PostgreSQL wakes it, and it polls while PostgreSQL cannot."""

import asyncio
import time
from collections.abc import Callable

import pytest
from tests.support.postgres import execute

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


def passes_after(url: str, act: Callable[[], None], seconds: float) -> list[float]:
    """When passes began, in seconds after `act`, which happens once the work rests."""
    begun: list[float] = []

    async def watch() -> float:
        changes = Changes((Subscription(url, RUNS),))
        tasks = [
            asyncio.create_task(changes.follow()),
            asyncio.create_task(repeat(lambda: begun.append(time.monotonic()), changes.pauses(PACE), "looking")),
        ]
        await asyncio.sleep(1.0)
        acted = time.monotonic()
        await asyncio.to_thread(act)
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return acted

    acted = asyncio.run(watch())
    return [at - acted for at in begun if at >= acted]


def test_work_at_rest_begins_when_a_row_changes_and_then_rests_again(url: str) -> None:
    passes = passes_after(url, lambda: execute(url, INSERT), 1.0)
    assert len(passes) == 1
    assert passes[0] < 0.3


def test_work_at_rest_does_nothing(url: str) -> None:
    assert passes_after(url, lambda: None, 1.0) == []


def test_work_polls_while_the_database_sends_no_notifications(url: str) -> None:
    execute(url, "DROP TABLE runs")
    assert 5 < len(passes_after(url, lambda: None, 1.0)) < 15


def test_work_polls_after_the_connection_was_cut_until_there_is_a_new_one(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_FIRST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr("jinsu.controller.changes._ATTEMPT_SECONDS", 0.1)
    passes = passes_after(url, lambda: execute(url, CUT), 2.0)
    assert passes[0] < 0.3, "the long pause relied on the connection"
    assert 3 <= len(passes) < 15
    assert max(passes) < 1.5, "with the new connection it rests"
