"""How far the probability of an answer is from the share of right answers (Kumar, Liang & Ma 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from jinsu.evaluation.estimates import Case, Estimate

BINS, LEAST = 10, 10
"""How many bins at most, and the rows that each must hold."""
TAIL = 0.025
_GROUPS = 20
"""Groups below which the bins' errors cannot be told apart from each other."""


@dataclass(frozen=True)
class _Squared:
    """The squared error as observed: the true one and `noise` on average, with a variance of still + moving * true.

    shares, means: of each bin, its share of the rows and its mean gap.
    """

    square: float
    noise: float
    still: float
    moving: float
    shares: np.ndarray
    means: np.ndarray


def calibration_error(case: Case) -> Estimate:
    """Root of the mean squared difference of confidence and accuracy, over ten bins of as many rows each (fewer below a hundred rows).

    What chance alone adds to the squares is taken off, so a calibrated model scores about 0 on few rows too.
    """
    assert case.scores is not None
    confidence = case.scores.max(axis=1)
    gap = confidence - (case.scores.argmax(axis=1) == case.truth)
    bins = _bins(confidence)
    found = _squared_error(gap, bins, None)
    value = math.sqrt(max(0.0, found.square - found.noise))
    shares, means = found.shares, found.means
    # The influence of a row on the squared error, carried over to the root.
    on_square = 2 * means[bins] * gap - means[bins] ** 2 - np.sum(shares * means**2)
    influence = on_square / (2 * value) if value > 0 else np.zeros(len(gap))
    return Estimate(
        value, influence, low=0.0, high=1.0, interval=lambda groups: _interval(gap, bins, groups), least_groups=_GROUPS
    )


def reliability(case: Case) -> list[tuple[float, float, int]]:
    """Of each bin: the mean confidence, the share of right answers, and the rows."""
    assert case.scores is not None
    confidence = case.scores.max(axis=1)
    right = case.scores.argmax(axis=1) == case.truth
    bins = _bins(confidence)
    rows = np.bincount(bins)
    return [
        (float(confidence[bins == one].mean()), float(right[bins == one].mean()), int(rows[one]))
        for one in np.flatnonzero(rows)
    ]


def _bins(confidence: np.ndarray) -> np.ndarray:
    """The bin of each row; equal confidences share one."""
    bins = max(2, min(BINS, len(confidence) // LEAST))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, confidence, "left"), return_inverse=True)[1]


def _squared_error(gap: np.ndarray, bins: np.ndarray, groups: np.ndarray | None) -> _Squared:
    rows = np.bincount(bins).astype(float)
    means = np.bincount(bins, weights=gap) / rows
    shares = rows / len(gap)
    weighted = np.sqrt(shares[:, None] * shares) * _covariance(gap - means[bins], bins, rows, groups)
    size = np.maximum(np.sqrt(shares) * np.abs(means), 1e-150)
    direction = np.where(means < 0, -1, 1) * size
    return _Squared(
        float(np.sum(shares * means**2)),
        float(np.trace(weighted)),
        2 * float(np.sum(weighted**2)),
        4 * float(direction @ weighted @ direction / np.sum(size**2)),
        shares,
        means,
    )


def _covariance(rest: np.ndarray, bins: np.ndarray, rows: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """The covariance of the mean gaps of the bins, shape (bins, bins)."""
    if groups is None:
        return np.diag(np.bincount(bins, weights=rest**2) / rows**2 * rows / np.maximum(rows - 1, 1))
    units, width = int(groups.max()) + 1, len(rows)
    sums = np.bincount(groups * width + bins, weights=rest, minlength=units * width).reshape(units, width) / rows
    covariance: np.ndarray = sums.T @ sums * (units / max(units - 1, 1))
    return covariance


def _interval(gap: np.ndarray, bins: np.ndarray, groups: np.ndarray | None) -> tuple[float, float]:
    """By inverting a scaled noncentral chi-squared distribution of the squared error, which has its two moments."""
    found = _squared_error(gap, bins, groups)
    if found.noise == 0:
        return math.sqrt(found.square), math.sqrt(found.square)
    low, high = (math.sqrt(_true_square(found, chance)) for chance in (1 - TAIL, TAIL))
    return low, high


def _true_square(found: _Squared, chance: float) -> float:
    """The true squared error at which a smaller one than the observed has this chance, by bisection."""
    from scipy.special import chndtr

    def below(true: float) -> float:
        scale = (found.still + found.moving * true) / (2 * found.noise + 4 * true)
        return float(chndtr(found.square / scale, found.noise / scale, true / scale))

    if below(0.0) <= chance:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) > chance else (low, middle)
    return low
