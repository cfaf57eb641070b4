"""Pauses between the passes of the controller's work: how long they are, and what ends them."""

import asyncio
import time
from collections.abc import Callable

import pytest

from jinsu.clients.notifications import Subscription
from jinsu.controller.changes import Changes, Pauses
from jinsu.controller.pacing import Pace, steady
from jinsu.controller.repeat import repeat

PACE = Pace(busy=0.1, idle=60.0, tables=("runs", "reviews"))
SQLITE = Subscription("sqlite://", ())


def length(changes: Changes, pace: Pace, busy: bool = False, act: Callable[[Pauses], None] = lambda _: None) -> float:
    """Seconds that a pause lasts, at most one; `act` happens between the begin of the pass and the pause."""

    async def measure() -> float:
        pauses = changes.pauses(pace)
        pauses.begin_pass()
        act(pauses)
        begun = time.monotonic()
        try:
            await asyncio.wait_for(pauses.wait(busy), 1.0)
        except TimeoutError:
            return 60.0
        return time.monotonic() - begun

    return asyncio.run(measure())


def test_work_that_is_not_done_goes_at_its_busy_pace() -> None:
    assert length(Changes(), PACE, busy=True) == pytest.approx(0.1, abs=0.05)
    assert length(Changes(), PACE) == 60.0


def test_where_a_database_sends_no_notifications_all_work_goes_at_its_busy_pace() -> None:
    assert length(Changes((SQLITE,)), PACE) == pytest.approx(0.1, abs=0.05)
    assert length(Changes((SQLITE,)), steady(60.0)) == 60.0


@pytest.mark.parametrize(
    ("changed", "seconds"), [({"runs"}, 0.05), ({"users", "reviews"}, 0.05), ({"users"}, 60.0), (None, 0.05)]
)
def test_a_change_during_a_pass_ends_the_pause_after_it(changed: set[str] | None, seconds: float) -> None:
    changes = Changes()
    assert length(changes, PACE, act=lambda _: changes.announce(changed)) == pytest.approx(seconds, abs=0.05)


def test_a_change_before_the_pass_was_seen_by_it() -> None:
    def change(pauses: Pauses) -> None:
        pauses.end({"runs"})
        pauses.begin_pass()

    assert length(Changes(), PACE, act=change) == 60.0


def test_a_steady_pace_depends_on_no_table() -> None:
    changes = Changes()
    assert length(changes, steady(60.0), act=lambda _: changes.announce()) == 60.0


def test_a_flood_of_changes_leaves_room_for_others() -> None:
    changes, passes = Changes(), 0

    def work() -> None:
        nonlocal passes
        passes += 1
        changes.announce({"runs"})

    async def flood() -> None:
        await asyncio.wait_for(repeat(work, changes.pauses(PACE), "flood"), 0.5)

    with pytest.raises(TimeoutError):
        asyncio.run(flood())
    assert 3 < passes < 12


def test_the_time_of_a_pass_is_taken_off_its_pause() -> None:
    async def measure() -> float:
        pauses, begun = Changes().pauses(steady(0.3)), time.monotonic()
        await pauses.wait(busy=False, spent=0.2)
        return time.monotonic() - begun

    assert asyncio.run(measure()) == pytest.approx(0.1, abs=0.05)
