"""Pauses between the passes of the controller's work: how long they are, and what ends them."""

import asyncio
import math
import time
from collections.abc import Callable

import pytest
from tests.support.virtual_time import run_virtually
from tests.support.waiting import until_async

from jinsu.clients.notifications import Subscription
from jinsu.controller.changes import Changes, Pauses
from jinsu.controller.pacing import Pace, steady
from jinsu.controller.repeat import repeat

PACE = Pace(busy=0.1, idle=60.0, tables=("runs", "reviews"))
SQLITE = Subscription("sqlite://", ())


def length(changes: Changes, pace: Pace, busy: bool = False, act: Callable[[Pauses], None] = lambda _: None) -> float:
    """Seconds that a pause lasts, without an end after 600; `act` happens between the begin of the pass and the pause."""

    async def measure() -> float:
        pauses = changes.pauses(pace)
        pauses.begin_pass()
        act(pauses)
        begun = asyncio.get_running_loop().time()
        try:
            await asyncio.wait_for(pauses.wait(busy), 600.0)
        except TimeoutError:
            return math.inf
        return asyncio.get_running_loop().time() - begun

    return run_virtually(measure())


def test_work_that_is_not_done_goes_at_its_busy_pace() -> None:
    assert length(Changes(), PACE, busy=True) == pytest.approx(0.1)
    assert length(Changes(), PACE) == pytest.approx(60.0)


def test_where_a_database_sends_no_notifications_all_work_goes_at_its_busy_pace() -> None:
    assert length(Changes((SQLITE,)), PACE) == pytest.approx(0.1)
    assert length(Changes((SQLITE,)), steady(60.0)) == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("changed", "seconds"), [({"runs"}, 0.05), ({"users", "reviews"}, 0.05), ({"users"}, 60.0), (None, 0.05)]
)
def test_a_change_during_a_pass_ends_the_pause_after_it(changed: set[str] | None, seconds: float) -> None:
    changes = Changes()
    assert length(changes, PACE, act=lambda _: changes.announce(changed)) == pytest.approx(seconds)


def test_a_change_before_the_pass_was_seen_by_it() -> None:
    def change(pauses: Pauses) -> None:
        pauses.end({"runs"})
        pauses.begin_pass()

    assert length(Changes(), PACE, act=change) == pytest.approx(60.0)


def test_a_steady_pace_depends_on_no_table() -> None:
    changes = Changes()
    assert length(changes, steady(60.0), act=lambda _: changes.announce()) == pytest.approx(60.0)


def test_a_flood_of_changes_leaves_room_for_others() -> None:
    changes, passes = Changes(), 0

    def work() -> None:
        nonlocal passes
        passes += 1
        changes.announce({"runs"})

    async def flood() -> float:
        begun = time.monotonic()
        flooding = asyncio.create_task(repeat(work, changes.pauses(PACE), "flood"))
        await until_async(lambda: passes >= 6, 60, "six passes")
        seconds = time.monotonic() - begun
        flooding.cancel()
        return seconds

    assert asyncio.run(flood()) > 0.24, "five pauses of 0.05 s at least"


def test_the_time_of_a_pass_is_taken_off_its_pause() -> None:
    async def measure() -> float:
        await Changes().pauses(steady(0.3)).wait(busy=False, spent=0.2)
        return asyncio.get_running_loop().time()

    assert run_virtually(measure()) == pytest.approx(0.1)
