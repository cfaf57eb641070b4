"""What two versions answer in a look, for many rollouts at once."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

Array = np.ndarray
BOUNDS = np.round(2 ** (np.arange(41) / 3), 3)
"""Upper bounds of the latency histogram, in milliseconds."""
_LOG_BOUNDS = np.log(BOUNDS)


@dataclass(frozen=True)
class Version:
    """errors: share of its answers that are errors. median, spread: of its latencies, in milliseconds and as the standard
    deviation of their logarithm."""

    errors: float = 0.01
    median: float = 20.0
    spread: float = 0.5


@dataclass(frozen=True)
class Shape:
    """The traffic of one model.

    rate: requests a second. champion, challenger: what the versions are. wander: standard deviation of the logarithm by which the
    latency of both versions drifts together, from look to look, with a memory of twenty looks. stalls: the chance of a look in
    which one of the servers stands still, so that all its answers of that look are slow.
    """

    rate: float
    champion: Version = Version()
    challenger: Version = Version()
    wander: float = 0.0
    stalls: float = 0.0


@dataclass
class Answers:
    """Of one look: requests, errors, and how many took longer than each bound."""

    requests: Array
    errors: Array
    slower: Array


class Clients:
    """Sends the requests of many rollouts, each its own."""

    def __init__(self, shape: Shape, rollouts: int, seed: int) -> None:
        self._shape, self._random = shape, np.random.default_rng(seed)
        self._drift = np.zeros(rollouts)

    def look(self, seconds: float, share: Array) -> tuple[Answers, Answers]:
        """What champion and challenger answered. share: the challenger's, from 0 to 1, in each rollout."""
        memory = 0.95
        self._drift = memory * self._drift + self._shape.wander * np.sqrt(1 - memory**2) * self._random.normal(
            size=len(share)
        )
        requests = self._random.poisson(self._shape.rate * seconds, len(share))
        ours = self._random.binomial(requests, share)
        return self._answers(self._shape.champion, requests - ours), self._answers(self._shape.challenger, ours)

    def _answers(self, version: Version, requests: Array) -> Answers:
        middle = np.log(version.median) + self._drift
        middle = middle + np.log(50) * (self._random.random(len(requests)) < self._shape.stalls / 2)
        beyond = 1 - ndtr((_LOG_BOUNDS - middle[:, None]) / version.spread)
        slower, left = np.empty((len(requests), len(BOUNDS)), dtype=np.int64), requests
        before = np.ones(len(requests))
        for bound in range(len(BOUNDS)):
            chance = np.divide(beyond[:, bound], before, out=np.zeros_like(before), where=before > 1e-12)
            left = self._random.binomial(left, np.clip(chance, 0, 1))
            slower[:, bound], before = left, beyond[:, bound]
        return Answers(requests, self._random.binomial(requests, version.errors), slower)
