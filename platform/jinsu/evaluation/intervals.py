"""95 % intervals of estimates, with and without groups of rows that belong together.

Shares get Wilson's interval (1927) on the number of rows that would say as much if they were independent; a weighted sum of
shares combines the intervals of its parts (Zou & Donner 2008). Means get Student's interval with Hall's correction for
skewness (1992) and degrees of freedom that follow from the tails. `docs/statistics.md` shows how often each covers.
"""

from __future__ import annotations

import math

import numpy as np

from jinsu.evaluation.estimates import Estimate, Scale, Shares

TAIL = 0.025
"""What each side of an interval leaves out."""
LEAST = 10
"""Rows below which the spread of a mean cannot be told."""
NONE = (math.nan, math.nan)
"""The interval that rows are too few for."""


def too_few(estimate: Estimate, groups: np.ndarray | None = None) -> str:
    """Why these rows are too few for an interval; "" when they suffice."""
    if estimate.missing or not math.isfinite(estimate.value):
        return estimate.missing
    if groups is not None and (count := int(groups.max(initial=-1)) + 1) < estimate.least_groups:
        return f"needs {estimate.least_groups} groups of rows that belong together; here are {count}"
    if groups is None and estimate.shares is None and len(estimate.influence) < LEAST:
        return f"needs {LEAST} rows; here are {len(estimate.influence)}"
    return ""


def interval(estimate: Estimate, groups: np.ndarray | None = None) -> tuple[float, float]:
    """The ends of the 95 % interval; NaN where the rows are too few for one.

    groups: one whole number a row, the same for rows that belong together; None where each row stands for itself.
    """
    if not math.isfinite(estimate.value):
        return estimate.value, estimate.value
    if too_few(estimate, groups):
        return NONE
    if estimate.interval is not None:
        return estimate.interval(groups)
    if estimate.shares is not None:
        return _of_shares(estimate, estimate.shares, groups)
    low, high = _of_smooth(estimate, groups)
    return max(low, estimate.low), min(high, estimate.high)


def gain(ours: Estimate, theirs: Estimate, sign: float, groups: np.ndarray | None = None) -> tuple[float, float, float]:
    """How much better one estimate is than another on the same rows, and the interval of that.

    sign: 1 where a greater value is better, -1 where a smaller one is. Where values are counts, one more
    disagreement in each direction is assumed (Agresti & Min 2005): no finite number of equal answers makes models equal.
    """
    difference = sign * (ours.value - theirs.value)
    if not math.isfinite(difference) or too_few(ours, groups) or too_few(theirs, groups):
        return (difference, *NONE)
    if ours.interval is not None and theirs.interval is not None:
        return _apart(ours, theirs, sign, groups)
    sums = group_sums(sign * (ours.influence - theirs.influence), groups)
    added = (_one_more(ours.shares) + _one_more(theirs.shares)) / 2
    if groups is not None and added:
        added *= _design(sums, ours.influence - theirs.influence, groups)
    if ours.shares is not None and theirs.shares is not None:
        parts = max(len(ours.shares.weights), len(theirs.shares.weights))
        half = student(_freedom(sums) if parts > 1 else len(sums) - 1) * math.sqrt(
            float(np.sum((sums - sums.mean()) ** 2)) + added
        )
        low, high = -half, half
    else:
        low, high = _around(sums, added)
    least, most = ours.low - theirs.high, ours.high - theirs.low
    if sign < 0:
        least, most = -most, -least
    return difference, max(difference + low, least), min(difference + high, most)


def _apart(ours: Estimate, theirs: Estimate, sign: float, groups: np.ndarray | None) -> tuple[float, float, float]:
    """The gain from the intervals of both scores (Zou & Donner 2008), as if the models were wrong independently."""
    mine, other = interval(ours, groups), interval(theirs, groups)
    difference = ours.value - theirs.value
    low = difference - math.hypot(ours.value - mine[0], other[1] - theirs.value)
    high = difference + math.hypot(mine[1] - ours.value, theirs.value - other[0])
    return (difference, low, high) if sign > 0 else (-difference, -high, -low)


def _design(sums: np.ndarray, influence: np.ndarray, groups: np.ndarray) -> float:
    """How many times the variance is what independent rows would have; the size of a group when no row says anything."""
    alone = float(np.sum((influence / len(influence)) ** 2))
    return max(1.0, float(np.sum(sums**2)) / alone) if alone > 0 else len(groups) / len(sums)


def _one_more(shares: Shares | None) -> float:
    """The variance that one more disagreement in each part adds to a difference."""
    if shares is None:
        return 0.0
    slopes = _slope(shares.hits / np.maximum(shares.totals, 1)) if shares.harmonic else 1.0
    return float(np.sum((shares.weights * slopes / (shares.totals + 2)) ** 2))


def group_sums(influence: np.ndarray, groups: np.ndarray | None, drawn: bool = True) -> np.ndarray:
    """What each group adds to the error of the value: independent numbers, of mean zero.

    A group that holds much of the rows has drawn the value to itself, so its sum counts as it would if the value came from
    the other groups (the jackknife; Bell & McCaffrey 2002). drawn: whether to count that.
    """
    scaled = influence / len(influence)
    if groups is None:
        return scaled
    if not drawn:
        return np.bincount(groups, weights=scaled)
    share = np.bincount(groups) / len(groups)
    return np.bincount(groups, weights=scaled) / np.maximum(1 - share, 1 / len(share))


def _of_smooth(estimate: Estimate, groups: np.ndarray | None) -> tuple[float, float]:
    value, sums = estimate.value, group_sums(estimate.influence, groups, estimate.scale is not Scale.LOGIT)
    match estimate.scale:
        case Scale.LINE:
            low, high = _around(sums)
            return value + low, value + high
        case Scale.SQUARE:
            low, high = _around(2 * value * sums)
            return math.sqrt(max(0.0, value**2 + low)), math.sqrt(max(0.0, value**2 + high))
        case Scale.LOG if value > 0:
            low, high = _around(sums / value)
            return value * math.exp(low), value * _exp(high)
        case Scale.REST if value < 1:
            low, high = _around(sums / (1 - value))
            return 1 - (1 - value) * _exp(-low), 1 - (1 - value) * math.exp(-high)
        case Scale.LOGIT if 0 < value < 1:
            low, high = _around(sums / (value * (1 - value)))
            odds = value / (1 - value)
            return _chance(odds * math.exp(low)), _chance(odds * _exp(high))
    return _of_extreme(value, len(sums))


def _exp(power: float) -> float:
    return math.exp(min(power, 700.0))


def _chance(odds: float) -> float:
    return odds / (1 + odds)


def _of_extreme(value: float, units: int) -> tuple[float, float]:
    """Of an area that is 0 or 1, which no influence can widen: Wilson's, as of a share of the units."""
    return wilson(value * units, units)


def _around(sums: np.ndarray, added: float = 0.0) -> tuple[float, float]:
    """The ends around zero of the error of a value to which independent `sums` add.

    added: variance beside that of the sums.
    """
    count = len(sums)
    centred = sums - sums.mean()
    second = float(np.sum(centred**2))
    if count < 2 or second + added == 0:
        return (-math.inf, math.inf) if count < 2 else (0.0, 0.0)
    error = math.sqrt(second * count / (count - 1) + added)
    if second == 0:
        quantile = student(count - 1)
        return -quantile * error, quantile * error
    freedom = _freedom(sums)
    skewness = float(np.sum(centred**3)) * math.sqrt(count) / second**1.5
    quantile = student(freedom)
    return -error * _hall(quantile, skewness, count), -error * _hall(-quantile, skewness, count)


def _freedom(sums: np.ndarray) -> float:
    """The degrees of freedom of the sums' variance, from their kurtosis: few, where few sums hold most of it."""
    centred, count = sums - sums.mean(), len(sums)
    second = float(np.sum(centred**2))
    if second == 0:
        return count - 1.0
    fourth = float(np.sum(centred**4)) * count / second**2
    return max(1.0, min(count - 1.0, 2 * count / max(fourth - 1, 1e-9)))


def _hall(quantile: float, skewness: float, count: int) -> float:
    """Inverse of Hall's monotone cubic: the Student statistic whose transformed value is the quantile (Hall 1992)."""
    lean = skewness / math.sqrt(count)
    if abs(lean) < 1e-9:
        return quantile
    # g(t) = t + lean t²/3 + lean² t³/27 + lean/6, so 1 + lean t/3 is a cube root
    inner = 1 + lean * (quantile - lean / 6)
    return 3 * (math.copysign(abs(inner) ** (1 / 3), inner) - 1) / lean


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - TAIL))


NORMAL = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def wilson(hits: float, rows: float, quantile: float = NORMAL) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), which covers near 0 and 1 too; the normal approximation does not."""
    low, high = _wilson(np.array([hits]), np.array([rows]), quantile)
    return float(low[0]), float(high[0])


def _wilson(hits: np.ndarray, rows: np.ndarray, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    share, spread = hits / rows, quantile * quantile / rows
    centre = (share + spread / 2) / (1 + spread)
    half = quantile / (1 + spread) * np.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


def _slope(share: np.ndarray) -> np.ndarray:
    slopes: np.ndarray = 2 / (1 + share) ** 2
    return slopes


def _effective(groups: np.ndarray) -> float:
    """How many groups of one size would say as much, two at least."""
    sizes = np.bincount(groups)
    return max(2.0, float(sizes.sum()) ** 2 / float(np.sum(sizes**2)))


def _of_shares(estimate: Estimate, shares: Shares, groups: np.ndarray | None) -> tuple[float, float]:
    sums = group_sums(estimate.influence, groups, drawn=shares.harmonic)
    known = shares.totals > 0
    if not known.any():
        return estimate.low, estimate.high
    hits, totals, weights = shares.hits[known], shares.totals[known], shares.weights[known]
    share = hits / totals
    slopes = _slope(share) if shares.harmonic else np.ones(len(share))
    alone = float(np.sum((weights * slopes) ** 2 * share * (1 - share) / totals))
    units = len(sums)
    together = float(np.sum((sums - sums.mean()) ** 2)) * (units / (units - 1) if groups is not None else 1)
    design = together / alone if alone > 0 else 1.0 if groups is None else len(groups) / units
    design = max(design, 1.0)
    rows = totals / design
    # What independent rows would vary by is known; what groups add is an estimate from so many groups, in effect fewer where
    # a value that is curved depends on the large ones (Kish 1965).
    if groups is not None:
        quantile = student((_effective(groups) if shares.harmonic else units) - 1)
    else:  # the slope of each part is an estimate too
        quantile = student(max(2.0, 2 * units / len(totals))) if shares.harmonic else NORMAL
    low, high = _wilson(share * rows, rows, quantile)
    if shares.harmonic:
        share, low, high = (2 * part / (1 + part) for part in (share, low, high))
    below = math.sqrt(float(np.sum((weights * (share - low)) ** 2)))
    above = math.sqrt(float(np.sum((weights * (high - share)) ** 2)))
    return max(estimate.low, estimate.value - below), min(estimate.high, estimate.value + above)
