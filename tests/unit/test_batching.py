"""The queue in front of a model: what a bad request costs the others, counted in runs."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.packaging.arrays import Arrays
from jinsu.serving.batching import Batcher
from jinsu.serving.engine import Done, ModelFailed, Stopped
from jinsu.serving.limits import Limits
from jinsu.serving.signature import Refused

BAD = -1.0


_TURNS = 10
"""Turns of the event loop that a run takes: enough for every client with an answer to send its next request meanwhile."""


class CountingModel:
    """Doubles numbers, and fails on a batch with a negative one."""

    def __init__(self, outcome: Callable[[np.ndarray], Any] | None = None) -> None:
        self.batches: list[np.ndarray] = []
        self._outcome = outcome or _doubled

    def run(self, rows: Arrays, done: Done) -> None:
        self.batches.append(rows[0])
        self._turn(_TURNS, done, self._outcome(rows[0]))

    def _turn(self, left: int, done: Done, outcome: Any) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._turn, left - 1, done, outcome)
        else:
            done(outcome)


def _doubled(numbers: np.ndarray) -> Any:
    return ModelFailed("a negative number") if (numbers < 0).any() else (numbers * 2,)


def row(number: float) -> Arrays:
    return (np.array([number]),)


async def answers(batcher: Batcher, numbers: list[float]) -> list[Any]:
    futures = [batcher.submit(row(number)) for number in numbers]
    found = await asyncio.gather(*futures, return_exceptions=True)
    return [
        one.status if isinstance(one, Refused) else one[0].tolist() if isinstance(one, tuple) else one for one in found
    ]


def served(model: CountingModel, talk: Callable[[Batcher], Coroutine[Any, Any, Any]], **limits: Any) -> Any:
    async def run() -> Any:
        batcher = Batcher(model.run, Limits(**{"queue": 4096, **limits}), lambda rows: None)
        found = await talk(batcher)
        assert batcher.waiting == 0
        return found

    return asyncio.run(run())


def expected(numbers: list[float]) -> list[Any]:
    return [500 if number < 0 else [2 * number] for number in numbers]


@pytest.mark.parametrize("place", [0, 1, 31, 32, 62, 63])
def test_a_bad_request_costs_its_batch_a_bisection(place: int) -> None:
    """A run for each request would be 65."""
    numbers = [float(number) for number in range(64)]
    numbers[place] = BAD
    model = CountingModel()
    assert served(model, lambda batcher: answers(batcher, numbers)) == expected(numbers)
    assert len(model.batches) <= 2 + 2 * math.log2(64)


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, BAD]), min_size=1, max_size=70), st.integers(1, 16))
@settings(deadline=None)
def test_exactly_the_bad_requests_are_refused(numbers: list[float], batch: int) -> None:
    assert served(CountingModel(), lambda batcher: answers(batcher, numbers), batch=batch) == expected(numbers)


def test_a_request_is_refused_only_after_it_failed_alone() -> None:
    """A model that has no memory for more than three rows refuses nobody."""
    model = CountingModel(lambda numbers: ModelFailed("memory") if len(numbers) > 3 else (numbers * 2,))
    numbers = [float(number) for number in range(40)]
    assert served(model, lambda batcher: answers(batcher, numbers)) == expected(numbers)


def test_bad_requests_alone_cost_two_runs_each() -> None:
    model = CountingModel()
    assert served(model, lambda batcher: answers(batcher, [BAD] * 64)) == [500] * 64
    assert len(model.batches) <= 2 * 64


def test_a_search_costs_a_new_request_one_run_at_most() -> None:
    """Bad requests that arrive without end do not keep a good one waiting."""
    model = CountingModel()

    async def talk(batcher: Batcher) -> int:
        crowd = [batcher.submit(row(number)) for number in [BAD] * 8]
        await asyncio.sleep(0)
        good = batcher.submit(row(1.0))
        answer = await good
        runs = sum(1.0 in batch for batch in model.batches)
        await asyncio.gather(*crowd, return_exceptions=True)
        assert answer[0].tolist() == [2.0]
        return runs

    assert served(model, talk) <= 2


def test_a_run_that_was_ended_is_not_searched_by_halves() -> None:
    """Each half would take the time that a run may take; alone, only the endless request takes it again."""
    model = CountingModel(lambda numbers: Stopped("took too long") if (numbers < 0).any() else (numbers * 2,))
    numbers = [1.0, BAD, 2.0, 3.0]
    assert served(model, lambda batcher: answers(batcher, numbers)) == [[2.0], 504, [4.0], [6.0]]
    assert sum((batch < 0).any() for batch in model.batches) == 2


async def closed_loop(batcher: Batcher, connections: int, requests: int, share_bad: float) -> None:
    """So many clients, each with one request at a time; every so many requests one is bad, at drawn places."""
    random = np.random.default_rng(0)
    left = iter(np.where(random.random(requests) < share_bad, BAD, 1.0).tolist())

    async def client() -> None:
        for number in left:
            with_answer = await asyncio.gather(batcher.submit(row(number)), return_exceptions=True)
            assert isinstance(with_answer[0], Refused) == (number < 0)

    await asyncio.gather(*(client() for _ in range(connections)))


def seconds_of(model: CountingModel, a_run: float, a_row: float, early: bool) -> float:
    """What the runs cost a model of this cost. early: whether a run with a bad row fails before its work begins."""
    return sum(0.0 if early and (batch < 0).any() else a_run + a_row * len(batch) for batch in model.batches)


@pytest.mark.parametrize(
    ("a_run", "a_row", "early", "batch", "kept"),
    [
        (0.0, 5.0, True, 64, 0.99),  # the operator that looks up an index comes first: failed runs cost nothing
        (2.5, 2.5, True, 64, 0.90),
        (0.0, 5.0, False, 4, 0.95),  # larger batches do not pay for such a model, so there are none
    ],
)
def test_half_a_percent_of_bad_rows_costs_little(
    a_run: float, a_row: float, early: bool, batch: int, kept: float
) -> None:
    bad, good = CountingModel(), CountingModel()
    for model, share in ((good, 0.0), (bad, 0.005)):
        served(model, lambda batcher, share=share: closed_loop(batcher, 10, 20_000, share), batch=batch)  # type: ignore[misc]
    ratio = seconds_of(good, a_run, a_row, early) / seconds_of(bad, a_run, a_row, early)
    assert ratio >= kept
