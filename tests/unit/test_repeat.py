"""Work that is repeated: what fails is logged and goes on."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import pytest

from jinsu.controller.changes import Changes
from jinsu.controller.each import for_each
from jinsu.controller.pacing import steady
from jinsu.controller.repeat import repeat
from jinsu.errors import TransientError
from jinsu.state.fence import SupersededError

DOWN, GONE = TransientError("MLflow does not answer."), TransientError("the alias is gone.")


def passes(outcomes: Iterable[Exception | None]) -> Callable[[], None]:
    """Work whose passes end as given; after the last one it is cancelled."""
    left = iter(outcomes)

    def work() -> None:
        try:
            outcome = next(left)
        except StopIteration:
            raise asyncio.CancelledError from None
        if outcome is not None:
            raise outcome

    return work


def logged(caplog: pytest.LogCaptureFixture, outcomes: Iterable[Exception | None]) -> list[str]:
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(repeat(passes(outcomes), Changes().pauses(steady(0.0)), "following champions"))
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("outcomes", "messages"),
    [
        ([None, None], []),
        ([DOWN, DOWN, DOWN], ["following champions: MLflow does not answer."]),
        ([DOWN, GONE], ["following champions: MLflow does not answer.", "following champions: the alias is gone."]),
        ([DOWN, None, DOWN], ["following champions: MLflow does not answer."] * 2),
        ([KeyError("x"), KeyError("x"), None], ["following champions failed; it is tried again"] * 2),
        ([DOWN, KeyError("x"), DOWN], ["following champions: MLflow does not answer.",
                                       "following champions failed; it is tried again"]),
    ],
    ids=["well", "the same again", "two problems", "again after a good pass", "unforeseen", "the same in between"],
)  # fmt: skip
def test_a_problem_is_logged_once_and_never_ends_the_work(
    caplog: pytest.LogCaptureFixture, outcomes: list[Exception | None], messages: list[str]
) -> None:
    assert logged(caplog, outcomes) == messages


@pytest.mark.parametrize("inside", [False, True])
def test_work_of_a_controller_that_was_superseded_ends(inside: bool) -> None:
    """Also where the work of one pass is many pieces, each of which may fail without harm to the others."""
    passes = 0

    def superseded(_: int = 0) -> None:
        nonlocal passes
        passes += 1
        raise SupersededError("another controller has begun")

    def work() -> None:
        for_each([1, 2, 3], superseded) if inside else superseded()

    with pytest.raises(SupersededError):
        asyncio.run(repeat(work, Changes().pauses(steady(0.0)), "following champions"))
    assert passes == 1
