"""Tests that may be looked at as often as one likes, at any time, without raising the chance of a false alarm.

A fixed-sample test looked at every second finds a difference sooner or later in two identical models. A confidence
sequence holds for all times at once: H. Robbins, "Statistical methods related to the law of the iterated logarithm",
Ann. Math. Stat. 41 (1970), with a Beta mixture as in S. R. Howard et al., "Time-uniform, nonparametric, nonasymptotic
confidence sequences", Ann. Stat. 49 (2021).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

ALPHA = 0.01


@dataclass(frozen=True)
class Share:
    """Events among trials."""

    events: int
    trials: int

    @property
    def value(self) -> float:
        return self.events / self.trials if self.trials else 0.0


def interval(share: Share, alpha: float = ALPHA) -> tuple[float, float]:
    """Bounds of the true rate: the confidence sequence at this time, which holds at all times together with
    probability 1 - alpha.

    The set of rates p whose mixture likelihood ratio B(1/2+s, 1/2+f) / (B(1/2, 1/2) p^s (1-p)^f) stays below 1/alpha
    (Ville's inequality).
    """
    hits, misses = share.events, share.trials - share.events
    if share.trials == 0:
        return 0.0, 1.0
    bound = _log_beta(hits + 0.5, misses + 0.5) - _log_beta(0.5, 0.5) + math.log(alpha)

    def inside(rate: float) -> bool:
        likelihood = (hits * math.log(rate) if hits else 0.0) + (misses * math.log1p(-rate) if misses else 0.0)
        return likelihood > bound

    low = 0.0 if hits == 0 else _edge(inside, outside=0.0, within=share.value)
    high = 1.0 if misses == 0 else _edge(inside, outside=1.0, within=share.value)
    return low, high


def excess(share: Share, reference: Share, alpha: float = ALPHA) -> float:
    """By how much `share` exceeds `reference` at least, with confidence 1 - alpha; 0 when it may not exceed it."""
    return max(0.0, interval(share, alpha / 2)[0] - interval(reference, alpha / 2)[1])


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _edge(inside: Callable[[float], bool], outside: float, within: float) -> float:
    """Where the interval ends between `within` and `outside`, by bisection."""
    if within in (0.0, 1.0):
        within = abs(within - 1e-12)
    for _ in range(50):
        middle = (outside + within) / 2
        if 0.0 < middle < 1.0 and inside(middle):
            within = middle
        else:
            outside = middle
    return within
