"""Metrics over rows, each with a confidence interval.

`truth` and the answers are arrays with one value a row: classes as text or numbers, or the numbers of a regression.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from jinsu.evaluation.score import Score

RESAMPLES = 500
CONFIDENCE = 0.95

Metric = Callable[[np.ndarray, np.ndarray], float]
"""From the truth and the answers to one number."""


def accuracy(truth: np.ndarray, answers: np.ndarray) -> float:
    """Share of rows whose answer is the truth."""
    return float(np.mean(truth == answers))


def balanced_accuracy(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean recall of the classes that occur."""
    return float(np.mean([np.mean(answers[truth == label] == label) for label in np.unique(truth)]))


def f1_macro(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean F1 of the classes that occur in the truth or in the answers."""
    scores = []
    for label in np.union1d(truth, answers):
        hits = np.sum((truth == label) & (answers == label))
        total = np.sum(truth == label) + np.sum(answers == label)
        scores.append(2 * hits / total)
    return float(np.mean(scores))


def mae(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean absolute error, in the target's unit."""
    return float(np.mean(np.abs(truth - answers)))


def rmse(truth: np.ndarray, answers: np.ndarray) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(np.mean((truth - answers) ** 2)))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1_macro": f1_macro,
    "mae": mae,
    "rmse": rmse,
}


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), which covers near 0 and 1 too; the normal approximation does not."""
    z = 1.959964
    share, spread = hits / rows, z * z / rows
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    return max(0.0, centre - half), min(1.0, centre + half)


def score(name: str, truth: np.ndarray, answers: np.ndarray) -> Score:
    """The metric over all rows. Shares get Wilson's interval, the others a bootstrap (Efron 1979), seeded."""
    value = METRICS[name](truth, answers)
    if name == "accuracy":
        low, high = wilson(int(np.sum(truth == answers)), len(truth))
    else:
        low, high = _bootstrap(len(truth), lambda rows: METRICS[name](truth[rows], answers[rows]))
    return Score(value, low, high, len(truth))


def difference(name: str, truth: np.ndarray, candidate: np.ndarray, champion: np.ndarray, maximize: bool) -> Score:
    """How much better the candidate's answers are than the champion's on the same rows; above zero is better.

    Rows are resampled in pairs, so that a row which both get wrong does not widen the interval.
    """
    sign, metric = (1.0 if maximize else -1.0), METRICS[name]

    def gain(rows: np.ndarray) -> float:
        return sign * (metric(truth[rows], candidate[rows]) - metric(truth[rows], champion[rows]))

    low, high = _bootstrap(len(truth), gain)
    return Score(gain(np.arange(len(truth))), low, high, len(truth))


def _bootstrap(rows: int, statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """Percentile interval of a statistic of row numbers."""
    random = np.random.default_rng(0)
    values = [statistic(random.integers(0, rows, rows)) for _ in range(RESAMPLES)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
