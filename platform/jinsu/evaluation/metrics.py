"""Scores of a model and differences of two, each with its interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jinsu.evaluation.estimates import Estimate
from jinsu.evaluation.intervals import gain, interval, too_few
from jinsu.evaluation.score import Score
from jinsu.spec.metrics import Better


def score_of(estimate: Estimate, groups: np.ndarray | None) -> Score:
    """The value with its interval."""
    low, high = interval(estimate, groups)
    return Score(estimate.value, low, high, len(estimate.influence), too_few(estimate, groups))


def difference(
    ours: Estimate, theirs: Estimate, better: Better, groups: np.ndarray | None, alike: bool = False
) -> Score:
    """How much better the candidate is than the champion on the same rows; above zero is better.

    The difference is paired: a row which both get wrong does not widen the interval. alike: whether both models answer
    every row alike, with equal scores; then they do not differ, for certain.
    """
    if better is Better.NEAR_ZERO:
        ours, theirs, better = _distance(ours), _distance(theirs), Better.SMALLER
    rows = len(ours.influence)
    if alike:
        return Score(0.0, 0.0, 0.0, rows)
    value, low, high = gain(ours, theirs, 1.0 if better is Better.GREATER else -1.0, groups)
    return Score(value, low, high, rows, too_few(ours, groups) or too_few(theirs, groups))


def _distance(estimate: Estimate) -> Estimate:
    """How far the value is from zero."""
    sign = -1.0 if estimate.value < 0 else 1.0
    return replace(
        estimate, value=abs(estimate.value), influence=sign * estimate.influence, shares=None, low=0.0, interval=None
    )
