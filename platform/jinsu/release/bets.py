"""Bets against a hypothesis about two versions, whose winnings are evidence that may be looked at at any time.

A fixed-sample test that is looked at every second finds a difference sooner or later in two identical models. The wealth of
a gambler who bets against a true hypothesis reaches a hundred times its stake with a chance of at most one in a hundred,
however long the game goes on and whenever it is looked at (J. Ville, 1939). The bets are those of R. Turner, A. Ly,
P. Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional stopping" (2024), with one
addition: a tolerance.

Of two groups with n and m requests, where an event has the chances p <= q, the wealth

    ratio^a / base^(a + b),    base = 1 - share + ratio * share,    share = n / (n + m)

has an expectation of at most 1, when a and b are the events of the groups: its logarithm is bounded by Jensen's inequality.
It grows when the first group has more of the events than of the requests. Because `share` is that of each look,
the shares of traffic may change from look to look. A tolerance t makes the hypothesis p <= q + t (1 - q): the second group
is lent events at the rate t, which is done by taking the expectation over the loan, so that no chance is involved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RATIOS = (1.05, 1.2, 1.6, 2.5, 6.0, 100.0)
"""How many times as often the events may come; the stake is divided evenly among them, because nobody knows beforehand."""

Wealth = tuple[float, ...]
"""The logarithm of what each part of the stake has become, one for each of `RATIOS`."""
STAKE: Wealth = (0.0,) * len(RATIOS)
"""Before the first bet."""


@dataclass(frozen=True)
class Share:
    """Events among trials."""

    events: int
    trials: int

    @property
    def value(self) -> float:
        return self.events / self.trials if self.trials else 0.0


def harm(wealth: Wealth, challenger: Share, champion: Share, tolerance: float = 0.0, most: float = math.inf) -> Wealth:
    """The wealth after one look at a bet against "the challenger's rate exceeds the champion's by `tolerance` at most".

    most: the factor that one look may win at most; a bet that gives up some of its winnings stays fair, and a moment in
    which one server stood still then decides nothing by itself.
    """
    if not (challenger.trials and champion.trials):
        return wealth
    share = challenger.trials / (challenger.trials + champion.trials)
    return _grown(
        wealth, (_harm(ratio, share, challenger.events, champion, tolerance) for ratio in RATIOS), math.log(most)
    )


def safety(wealth: Wealth, challenger: Share, champion: Share, tolerance: float) -> Wealth:
    """The wealth after one look at a bet against "the challenger's rate exceeds the champion's by `tolerance` or more"."""
    if not (challenger.trials and champion.trials):
        return wealth
    share = champion.trials / (challenger.trials + champion.trials)
    return _grown(wealth, (_safety(ratio, share, challenger.events, champion, tolerance) for ratio in RATIOS), math.inf)


def total(wealths: Iterable[Wealth]) -> float:
    """The logarithm of the mean of all parts of all stakes; their mean is evidence when each of them is."""
    parts = [part for wealth in wealths for part in wealth]
    if not parts:
        return 0.0
    largest = max(parts)
    return largest + math.log(sum(math.exp(part - largest) for part in parts) / len(parts))


def _harm(ratio: float, share: float, events: int, champion: Share, tolerance: float) -> float:
    """The challenger's events win, the champion's lose; the champion is lent events where it had none."""
    base = 1 - share + ratio * share
    lent = math.log1p(tolerance * (1 / base - 1))
    return events * math.log(ratio / base) - champion.events * math.log(base) + _eventless(champion) * lent


def _safety(ratio: float, share: float, events: int, champion: Share, tolerance: float) -> float:
    """The champion's events win, those included that it is lent; the challenger's lose."""
    base = 1 - share + ratio * share
    lent = math.log1p(tolerance * (ratio / base - 1))
    return champion.events * math.log(ratio / base) + _eventless(champion) * lent - events * math.log(base)


def _eventless(share: Share) -> int:
    return share.trials - share.events


def _grown(wealth: Sequence[float], growth: Iterable[float], most: float) -> Wealth:
    return tuple(part + min(gain, most) for part, gain in zip(wealth, growth, strict=True))
