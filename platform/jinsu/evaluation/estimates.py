"""A metric's value together with what its interval needs: how much each row moves the value.

The influence of a row is the derivative of the metric by the row's weight (Hampel 1974; Davison & Hinkley 1997, chapter 2.7):
the error of the value is about the mean of the influences. Sums of them over the rows of one group carry the
group's dependence, and the difference of two models' influences is the influence of the difference of their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np


class Scale(StrEnum):
    """On which scale the errors of a value are nearly normal."""

    LINE = "line"
    """As it is: a mean."""
    SQUARE = "square"
    """Of its square: the root of a mean."""
    LOG = "log"
    """Of its logarithm: a ratio above zero."""
    LOGIT = "logit"
    """Of its log odds: an area between 0 and 1."""
    REST = "rest"
    """Of the logarithm of what is missing to 1: R²."""


@dataclass(frozen=True)
class Shares:
    """A value that is a weighted sum of shares, or of the F1 of shares: hits out of totals, one part a class.

    weights: of the parts, which sum to 1. harmonic: whether a part counts 2p / (1 + p), which makes F1 of the share of
    true positives among true positives, false positives and false negatives.
    """

    hits: np.ndarray
    totals: np.ndarray
    weights: np.ndarray
    harmonic: bool = False


@dataclass(frozen=True)
class Estimate:
    """A metric's value on some rows.

    influence: one number a row, of mean zero. scale: where the interval is made. shares: the counts behind a value
    of shares. low, high: the ends of what is possible. interval: finds the ends from the groups by a method of the metric.
    least_groups: groups of rows that belong together below which there is no interval.
    missing: why these rows are too few for an interval, as the rest of a sentence that begins with the metric; "" when they suffice.
    """

    value: float
    influence: np.ndarray
    scale: Scale = Scale.LINE
    shares: Shares | None = None
    low: float = -np.inf
    high: float = np.inf
    interval: Callable[[np.ndarray | None], tuple[float, float]] | None = None
    missing: str = ""
    least_groups: int = 10


@dataclass(frozen=True)
class Case:
    """What a metric compares: the truth and a model's answers to the same rows, in the form that the problem's kind gives them.

    truth, answers: the first axis is the rows. scores: numbers behind the answers, such as a probability for each class; None
    where the model answers none. classes: the text of each class that truth and answers number; () where they number none.
    levels: of quantiles. columns: other columns that the metrics read, one value a row.
    """

    truth: np.ndarray
    answers: np.ndarray
    scores: np.ndarray | None = None
    classes: Sequence[str] = ()
    levels: tuple[float, ...] = ()
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def take(self, rows: np.ndarray) -> Case:
        """The same on some of the rows, given by numbers or by a mask."""
        return replace(
            self,
            truth=self.truth[rows],
            answers=self.answers[rows],
            scores=None if self.scores is None else self.scores[rows],
            columns={name: column[rows] for name, column in self.columns.items()},
        )

    def same_answers(self, other: Case) -> bool:
        """Whether the other model answers every row alike, with equal scores."""
        if (self.scores is None) != (other.scores is None) or not _equal(self.answers, other.answers):
            return False
        return self.scores is None or other.scores is None or np.array_equal(self.scores, other.scores)


def _equal(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether two arrays are equal, or two arrays of arrays."""
    if ours.dtype != object:
        return np.array_equal(ours, theirs)
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


Metric = Callable[[Case], Estimate]


def undefined(value: float, rows: int) -> Estimate:
    """A value that is no number, on so many rows."""
    return Estimate(value, np.full(rows, np.nan))


def mean_of(values: np.ndarray, low: float = -np.inf, high: float = np.inf, scale: Scale = Scale.LINE) -> Estimate:
    """The mean of one number a row."""
    value = float(values.mean())
    if not np.isfinite(value):
        return undefined(value, len(values))
    return Estimate(value, values - value, scale, low=low, high=high)


def ratio_of(above: np.ndarray, below: np.ndarray, low: float = -np.inf, scale: Scale = Scale.LINE) -> Estimate:
    """The sum of one number a row through the sum of another; NaN where the second is zero."""
    total = float(below.mean())
    if total == 0:
        return undefined(float("nan"), len(above))
    value = float(above.mean()) / total
    return Estimate(value, (above - value * below) / total, scale, low=low)


def share_of(hits: np.ndarray) -> Estimate:
    """The share of rows that are hits."""
    values = hits.astype(float)
    value = float(values.mean())
    counts = Shares(np.array([values.sum()]), np.array([float(len(values))]), np.ones(1))
    return Estimate(value, values - value, shares=counts, low=0.0, high=1.0)
