"""How often intervals cover the truth, by simulation."""

import zlib
from dataclasses import dataclass

import numpy as np
from tests.intervals.worlds import World, groups_of

from jinsu.evaluation.estimates import Case, Metric
from jinsu.evaluation.intervals import gain, interval, wilson

LARGE = 400_000
"""Rows behind what counts as the true value, in one draw; or in draws of their own size, where the value depends on it."""


@dataclass(frozen=True)
class Coverage:
    """Of how many draws that had an interval it covered the truth: of the candidate's score, and of its gain over the champion.

    draws: how many there were. known: how many of them had enough rows for an interval.
    """

    world: str
    metric: str
    rows: int
    grouped: bool
    draws: int
    known: int
    score: int
    gain: int

    @property
    def shares(self) -> tuple[float, float]:
        """The covered shares, of the score and of the gain; NaN without an interval."""
        return (self.score / self.known, self.gain / self.known) if self.known else (float("nan"), float("nan"))

    def possible(self, hits: int, low: float, high: float) -> bool:
        """Whether the coverage may lie between these shares: whether its 95 % Monte Carlo interval touches them."""
        least, most = wilson(hits, self.known)
        return least <= high and most >= low


def truths(world: World, rows: int, grouped: bool, seed: int = 7) -> dict[str, tuple[float, float]]:
    """The true values of each metric: the candidate's score, and its difference to the champion's."""
    random = np.random.default_rng(seed)
    draws = max(60, min(1000, LARGE // rows)) if world.always_grouped else 1
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in world.metrics}
    for _ in range(draws):
        size = rows if world.always_grouped else LARGE
        ours, theirs = world.draw(random, groups_of(random, size, grouped))
        for name, metric in world.metrics.items():
            mine, other = metric(ours).value, metric(theirs).value
            found[name].append((mine, mine - other))
    return {name: (float(np.mean(pairs, axis=0)[0]), float(np.mean(pairs, axis=0)[1])) for name, pairs in found.items()}


def measured(
    world: World, rows: int, grouped: bool, draws: int, known: dict[str, tuple[float, float]]
) -> list[Coverage]:
    """The coverage of every metric of a world over independent draws; the seed follows from what is measured."""
    random = np.random.default_rng(zlib.crc32(f"{world.name} {rows} {grouped}".encode()))
    hits = {name: [0, 0, 0] for name in world.metrics}
    for _ in range(draws):
        groups = groups_of(random, rows, grouped)
        ours, theirs = world.draw(random, groups)
        for name, metric in world.metrics.items():
            for place, hit in enumerate(_covered(metric, ours, theirs, groups if grouped else None, known[name])):
                hits[name][place] += hit
    return [Coverage(world.name, name, rows, grouped, draws, *hits[name]) for name in world.metrics]


def _covered(
    metric: Metric, ours: Case, theirs: Case, groups: np.ndarray | None, known: tuple[float, float]
) -> tuple[bool, bool, bool]:
    """Whether there is an interval, and whether it covers the score and the gain."""
    mine, other = metric(ours), metric(theirs)
    low, high = interval(mine, groups)
    _, worst, best = gain(mine, other, 1.0, groups)
    return (
        bool(np.isfinite([low, high, worst, best]).all()),
        bool(low <= known[0] <= high),
        bool(worst <= known[1] <= best),
    )
