"""The bets of `jinsu.release.bets` on many rollouts at once, as arrays; a unit test compares the two."""

import numpy as np

from jinsu.release.bets import RATIOS

Array = np.ndarray
_RATIOS = np.array(RATIOS)


def harm(n: Array, a: Array, m: Array, b: Array, tolerance: Array | float) -> Array:
    """What each part of a stake wins in one look, as a logarithm, in a new last axis.

    n, a: requests and events of the challenger. m, b: those of the champion. Zero where either had no request.
    """
    base, played = _base(n, m)
    lent = np.log1p(_last(tolerance) * (1 / base - 1))
    won = _last(a) * np.log(_RATIOS / base) - _last(b) * np.log(base) + _last(m - b) * lent
    return np.where(played, won, 0.0)


def safety(n: Array, a: Array, m: Array, b: Array, tolerance: Array | float) -> Array:
    """The same of the bet that the challenger is within the tolerance."""
    base, played = _base(m, n)
    lent = np.log1p(_last(tolerance) * (_RATIOS / base - 1))
    won = _last(b) * np.log(_RATIOS / base) + _last(m - b) * lent - _last(a) * np.log(base)
    return np.where(played, won, 0.0)


def total(wealth: Array) -> Array:
    """The logarithm of the mean over the last axis."""
    largest = wealth.max(axis=-1, keepdims=True)
    return np.asarray(largest[..., 0] + np.log(np.exp(wealth - largest).mean(axis=-1)))


def _last(values: Array | float) -> Array:
    return np.asarray(values, dtype=float)[..., None]


def _base(first: Array, second: Array) -> tuple[Array, Array]:
    both = _last(first + second)
    share = _last(first) / np.maximum(both, 1)
    return 1 - share + _RATIOS * share, (_last(first) > 0) & (_last(second) > 0)
