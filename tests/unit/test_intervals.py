"""Intervals: how often they cover the truth on a small part of the simulation of docs/statistics.md, and when there is none."""

import math
import time

import numpy as np
import pytest
from tests.intervals.coverage import measured, truths
from tests.intervals.worlds import WORLDS, World, groups_of

from jinsu.evaluation.estimates import Case
from jinsu.evaluation.intervals import gain, interval, too_few
from jinsu.evaluation.kinds import classification, regression
from jinsu.evaluation.metrics import difference
from jinsu.spec.metrics import Better

QUICK = {
    "four classes": ("accuracy", "balanced_accuracy", "f1_macro", "calibration_error"),
    "two classes": ("roc_auc",),
    "numbers": ("mae", "rmse", "r2"),
    "quantiles": ("pinball", "coverage_gap"),
    "demand": ("wape", "rmsse"),
}


@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "grouped"])
@pytest.mark.parametrize("name", QUICK)
def test_intervals_cover_the_truth_as_often_as_they_say(name: str, grouped: bool) -> None:
    (world,) = (world for world in WORLDS if world.name == name)
    part = World(name, world.draw, {metric: world.metrics[metric] for metric in QUICK[name]})
    for found in measured(part, 200, grouped, 150, truths(part, 200, grouped)):
        for hits in (found.score, found.gain):
            assert found.possible(hits, 0.93, 0.97), found


def cases(rows: int = 60) -> tuple[Case, Case, np.ndarray]:
    """Two models' answers of two classes in fifteen groups, and the groups."""
    random = np.random.default_rng(3)
    groups = np.repeat(np.arange(15), math.ceil(rows / 15))[:rows]
    truth = random.integers(0, 2, rows)
    right = random.random(15)[groups] < 0.8
    return Case(truth, np.where(right, truth, 1 - truth)), Case(truth, truth), groups


def test_rows_that_belong_together_widen_the_interval() -> None:
    ours, _, groups = cases(600)
    estimate = classification.accuracy(ours)
    low, high = interval(estimate)
    worst, best = interval(estimate, groups)
    assert best - worst > 3 * (high - low)


@pytest.mark.parametrize(
    ("rows", "groups", "sentence"),
    [
        (9, None, "needs 10 rows; here are 9"),
        (60, np.repeat(np.arange(6), 10), "needs 10 groups of rows that belong together; here are 6"),
    ],
)
def test_too_few_rows_have_no_interval_and_say_why(rows: int, groups: np.ndarray | None, sentence: str) -> None:
    random = np.random.default_rng(0)
    ours, theirs = (regression.mae(Case(np.zeros(rows), random.normal(0, 1, rows))) for _ in range(2))
    assert all(math.isnan(end) for end in interval(ours, groups))
    assert too_few(ours, groups) == sentence
    found = difference(ours, theirs, Better.SMALLER, groups)
    assert (found.certain, found.note) == (False, sentence)


def test_an_area_needs_some_rows_of_each_class() -> None:
    scores = np.tile([0.5, 0.5], (100, 1))
    truth = np.zeros(100, dtype=int)
    truth[:3] = 1
    estimate = classification.roc_auc(Case(truth, truth, scores))
    assert too_few(estimate) == "needs 5 rows of each class; the rarest has 3"


def test_equal_answers_with_other_scores_are_not_certainly_equal() -> None:
    _, ours, _ = cases()
    estimate = classification.accuracy(ours)
    value, low, high = gain(estimate, estimate, 1.0)
    assert (value, low < 0 < high) == (0, True)
    assert difference(estimate, estimate, Better.GREATER, None, alike=True).low == 0


def test_what_is_best_at_zero_is_compared_by_its_distance() -> None:
    random = np.random.default_rng(1)
    truth = random.normal(0, 1, 400)
    high, low = (regression.mean_of(truth + shift) for shift in (1.0, -0.2))
    assert difference(low, high, Better.NEAR_ZERO, None).value == pytest.approx(abs(high.value) - abs(low.value))
    assert difference(low, high, Better.NEAR_ZERO, None).low > 0


def test_a_million_rows_of_five_thousand_classes_take_seconds() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 5000, 1_000_000)
    guess = np.where(random.random(1_000_000) < 0.8, truth, random.integers(0, 5000, 1_000_000))
    started = time.process_time()
    estimate = classification.f1_macro(Case(truth, guess))
    low, high = interval(estimate)
    assert time.process_time() - started < 50
    assert low < estimate.value < high


@pytest.mark.parametrize("rows", [12, 40, 200])
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_value_lies_in_its_interval(world: World, rows: int) -> None:
    random = np.random.default_rng(rows)
    for grouped in (True,) if world.always_grouped else (False, True):
        for _ in range(10):
            groups = groups_of(random, rows, grouped)
            ours, theirs = world.draw(random, groups)
            for name, metric in world.metrics.items():
                mine, other = metric(ours), metric(theirs)
                if too_few(mine, groups if grouped else None) or too_few(other, groups if grouped else None):
                    continue
                low, high = interval(mine, groups if grouped else None)
                value, worst, best = gain(mine, other, 1.0, groups if grouped else None)
                assert low <= mine.value + 1e-9, name
                assert high >= mine.value - 1e-9, name
                assert worst - 1e-9 <= value <= best + 1e-9, name
                assert mine.low <= low <= high <= mine.high, name
