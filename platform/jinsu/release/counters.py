"""What was counted of the two versions of a rollout. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Counters:
    """What a version has answered since its counters began.

    requests: answers, and requests that its server could not be reached for or died of. errors: those that were not 2xx.
    non_finite: answers that the model server refused because they held NaN or infinity. latency: how many answers took
    at most so many milliseconds, by that bound.
    """

    requests: int = 0
    errors: int = 0
    non_finite: int = 0
    latency: Mapping[float, int] = field(default_factory=dict)

    def __add__(self, other: Counters) -> Counters:
        """What two sources counted of one version, together."""
        bounds = {*self.latency, *other.latency}
        return Counters(
            self.requests + other.requests,
            self.errors + other.errors,
            self.non_finite + other.non_finite,
            {bound: self.latency.get(bound, 0) + other.latency.get(bound, 0) for bound in sorted(bounds)},
        )

    def since(self, earlier: Counters) -> Counters:
        """What one source counted between two readings. A source whose counters went down has begun anew: all is new."""
        if self.requests < earlier.requests or self.errors < earlier.errors or self.timed < earlier.timed:
            return self
        return Counters(
            self.requests - earlier.requests,
            self.errors - earlier.errors,
            # Behind one address may be several model servers, of which each tells its own.
            max(0, self.non_finite - earlier.non_finite),
            {bound: max(0, count - earlier.latency.get(bound, 0)) for bound, count in self.latency.items()},
        )

    @property
    def timed(self) -> int:
        """How many answers the histogram holds; Envoy's histograms come a little later than its counters."""
        return max(self.latency.values(), default=0)

    def slower(self, bound: float) -> int:
        """How many answers took longer than so many milliseconds; `bound` is one of the histogram's, or 0 for all."""
        return self.timed - self.latency.get(bound, 0)


@dataclass(frozen=True)
class Arms:
    """The same counters of both versions, over the same time."""

    champion: Counters = field(default_factory=Counters)
    challenger: Counters = field(default_factory=Counters)

    def __add__(self, other: Arms) -> Arms:
        return Arms(self.champion + other.champion, self.challenger + other.challenger)

    def since(self, earlier: Arms) -> Arms:
        """What one source counted of each version between two readings."""
        return Arms(self.champion.since(earlier.champion), self.challenger.since(earlier.challenger))


Readings = Mapping[str, Arms]
"""The totals that each source has counted so far, by the name of the source: an Envoy's address, or the model servers."""


def news(before: Readings, now: Readings) -> Arms:
    """What all sources have counted since they were read before.

    A source that was not read before adds nothing yet: what it counted until now may be of another time, in which the
    shares were others.
    """
    counted = Arms()
    for source, arms in now.items():
        if source in before:
            counted += arms.since(before[source])
    return counted
