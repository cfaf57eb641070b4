"""Metrics over rows, each with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from jinsu.evaluation.score import Score

RESAMPLES = 500
CONFIDENCE = 0.95


Metric = Callable[[np.ndarray, np.ndarray], float]


def accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    return float(np.mean(truth == guess))


def balanced_accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Mean recall of the classes that occur."""
    return float(np.mean([np.mean(guess[truth == label] == label) for label in np.unique(truth)]))


def f1_macro(truth: np.ndarray, guess: np.ndarray) -> float:
    """Mean F1 of the classes that occur in the truth or in the answers."""
    scores = []
    for label in np.union1d(truth, guess):
        hits = np.sum((truth == label) & (guess == label))
        total = np.sum(truth == label) + np.sum(guess == label)
        scores.append(2 * hits / total)
    return float(np.mean(scores))


def mae(truth: np.ndarray, guess: np.ndarray) -> float:
    return float(np.mean(np.abs(truth - guess)))


def rmse(truth: np.ndarray, guess: np.ndarray) -> float:
    return float(np.sqrt(np.mean((truth - guess) ** 2)))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1_macro": f1_macro,
    "mae": mae,
    "rmse": rmse,
}


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927): honest also near 0 and 1, where the usual one is not."""
    z = 1.959964
    share, spread = hits / rows, z * z / rows
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    return max(0.0, centre - half), min(1.0, centre + half)


def score(name: str, truth: np.ndarray, guess: np.ndarray) -> Score:
    """The metric over all rows. Shares get Wilson's interval, the others a bootstrap (Efron 1979), seeded."""
    value = METRICS[name](truth, guess)
    if name == "accuracy":
        low, high = wilson(int(np.sum(truth == guess)), len(truth))
    else:
        low, high = _bootstrap(len(truth), lambda rows: METRICS[name](truth[rows], guess[rows]))
    return Score(value, low, high, len(truth))


def difference(name: str, truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray, maximize: bool) -> Score:
    """How much better `ours` is than `theirs` on the same rows; above zero is better whatever the metric.

    Rows are resampled in pairs: what both get wrong does not widen the interval.
    """
    sign, metric = (1.0 if maximize else -1.0), METRICS[name]

    def gain(rows: np.ndarray) -> float:
        return sign * (metric(truth[rows], ours[rows]) - metric(truth[rows], theirs[rows]))

    low, high = _bootstrap(len(truth), gain)
    return Score(gain(np.arange(len(truth))), low, high, len(truth))


def _bootstrap(rows: int, statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    random = np.random.default_rng(0)
    values = [statistic(random.integers(0, rows, rows)) for _ in range(RESAMPLES)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
