"""Verdicts on a challenger, from the counters of both versions over the same window of live traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from jinsu.release.sequential import Share, excess


class Verdict(StrEnum):
    """What a gate says of a challenger. No data is never a pass."""

    PASS = "pass"  # noqa: S105
    """The challenger was seen often enough and is within the limit."""
    FAIL = "fail"
    """The challenger is beyond the limit with certainty: it is taken back."""
    INCONCLUSIVE = "inconclusive"
    """The data do not decide yet: the rollout holds."""
    ERROR = "error"
    """The source of the data is broken: the rollout holds."""


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
        """The sum of what two Envoys counted of one version. Both hold the model server's own `non_finite`, which is
        therefore not added."""
        bounds = {*self.latency, *other.latency}
        return Counters(
            self.requests + other.requests,
            self.errors + other.errors,
            max(self.non_finite, other.non_finite),
            {bound: self.latency.get(bound, 0) + other.latency.get(bound, 0) for bound in sorted(bounds)},
        )

    def since(self, earlier: Counters) -> Counters:
        """The window between two readings. A counter that went down has begun anew: then all of it is new."""
        if self.requests < earlier.requests or self.errors < earlier.errors:
            return self
        return Counters(
            self.requests - earlier.requests,
            self.errors - earlier.errors,
            # The model server counts these, and may have begun anew when Envoy has not.
            self.non_finite - earlier.non_finite if self.non_finite >= earlier.non_finite else self.non_finite,
            {bound: max(0, count - earlier.latency.get(bound, 0)) for bound, count in self.latency.items()},
        )


@dataclass(frozen=True)
class GatePolicy:
    """Limits of the comparison: rates as shares of requests, latency in milliseconds."""

    min_requests: int
    max_error_increase: float
    max_latency_ratio: float
    max_latency_ms: float


@dataclass(frozen=True)
class Finding:
    """One gate's verdict and why, in words and numbers."""

    gate: str
    verdict: Verdict
    detail: str


FINITE = "finite outputs"
"""The gate that judges a challenger by its own answers alone."""
_SLOW_SHARE = 0.05


def compare(policy: GatePolicy, champion: Counters | None, challenger: Counters | None) -> list[Finding]:
    """Every gate's finding on one window.

    champion: None when there is no champion to compare with. challenger: None when its counters cannot be read.
    """
    if challenger is None:
        return [Finding("traffic", Verdict.ERROR, "the challenger's statistics cannot be read")]
    return list(_findings(policy, champion or Counters(), challenger))


def _findings(policy: GatePolicy, champion: Counters, challenger: Counters) -> Iterator[Finding]:
    enough = challenger.requests >= policy.min_requests
    yield Finding(
        "traffic",
        Verdict.PASS if enough else Verdict.INCONCLUSIVE,
        f"{challenger.requests} of {policy.min_requests} answers seen",
    )
    yield _non_finite(champion, challenger)
    yield _excess(
        "errors",
        enough,
        policy.max_error_increase,
        Share(challenger.errors, challenger.requests),
        Share(champion.errors, champion.requests),
    )
    limit = slow_limit(policy, champion)
    slow = slow_share(challenger, limit)
    # Envoy's histograms come later than its counters: how many answers were timed is a question of its own.
    timed = slow.trials >= policy.min_requests
    yield _excess(f"latency over {limit:g} ms", timed, _SLOW_SHARE, slow, slow_share(champion, limit))


def _non_finite(champion: Counters, challenger: Counters) -> Finding:
    # A model that answers NaN is broken, however rarely; only when the champion does so too, the inputs are at fault.
    bad = challenger.non_finite > 0 and champion.non_finite == 0
    detail = f"{challenger.non_finite} answers were not finite"
    return Finding(FINITE, Verdict.FAIL if bad else Verdict.PASS, detail)


def _excess(gate: str, enough: bool, tolerance: float, challenger: Share, champion: Share) -> Finding:
    """Whether the challenger's share of bad answers exceeds the champion's by more than the tolerance."""
    detail = f"{challenger.value:.1%} of {challenger.trials} against {champion.value:.1%} of {champion.trials} of the champion"
    # Without answers of the champion its share is taken as zero: stricter, never blinder.
    certain = excess(challenger, champion if champion.trials else Share(0, 10**9))
    if certain > tolerance:
        return Finding(gate, Verdict.FAIL, detail)
    if not enough or challenger.value - champion.value > tolerance:
        return Finding(gate, Verdict.INCONCLUSIVE, detail)
    return Finding(gate, Verdict.PASS, detail)


def slow_limit(policy: GatePolicy, champion: Counters) -> float:
    """Above how many milliseconds an answer is slow: beyond the spec's budget, and beyond the allowed multiple of the
    champion's 95th percentile."""
    usual = percentile(champion, 0.95)
    return max(policy.max_latency_ms, policy.max_latency_ratio * usual if usual is not None else 0.0)


def slow_share(counters: Counters, limit: float) -> Share:
    """Share of the answers slower than `limit` ms. A limit between two bounds of the histogram counts as the upper."""
    total = max(counters.latency.values(), default=0)
    fast = min((count for bound, count in counters.latency.items() if bound >= limit), default=total)
    return Share(total - fast, total)


def percentile(counters: Counters, share: float) -> float | None:
    """The smallest bucket bound (ms) that covers this share of answers; None without answers."""
    total = max(counters.latency.values(), default=0)
    if total == 0:
        return None
    return min((bound for bound, count in counters.latency.items() if count >= share * total), default=None)


def overall(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict of all findings."""
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
