"""Verdicts on a challenger, from what was counted of both versions of live traffic. Pure.

Two questions are asked all the time. Is the challenger worse than the policy tolerates? Its evidence grows over the whole
rollout. Is it no worse than the next share of traffic may bear? Its evidence begins anew with each step: who shows a version
to a quarter of all requests exposes them to a quarter of its harm, so a first step needs few requests and the last one many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from jinsu.release.bets import STAKE, Share, Wealth, harm, safety, total
from jinsu.release.counters import Arms, Counters


class Verdict(StrEnum):
    """What a gate says of a challenger. No data is never a pass."""

    PASS = "pass"  # noqa: S105
    """The evidence says that the challenger is within the limit."""
    FAIL = "fail"
    """The evidence says that the challenger is beyond the limit: it is taken back."""
    INCONCLUSIVE = "inconclusive"
    """The data do not decide yet: the rollout holds."""
    ERROR = "error"
    """The source of the data is broken: the rollout holds."""


FALSE_REVERT = 0.01
"""The chance, of a whole rollout, that a challenger within the limits is taken back."""
FALSE_PASS = 0.05
"""The chance, of a step, that a challenger beyond the limit goes on to the next one."""
_GATES = 3
"""Those that may take a challenger back share `FALSE_REVERT`."""
HARMFUL = _GATES / FALSE_REVERT
SAFE = 1 / FALSE_PASS
_SUSPICIOUS = 10.0
"""Evidence from which on answers that are not finite keep a step from passing."""
SLOW_SHARE = 0.05
"""How many more answers than the champion's may be slow: what is said of a latency is said of 95 in 100 answers."""
STALL = 4.0
"""The factor that one look may add to the evidence of slowness."""


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


@dataclass(frozen=True)
class Evidence:
    """What the bets of a rollout have won so far, as logarithms.

    errors, finite, slow: against "it is within the limit", over the whole rollout. no_errors, no_slow: against "it is beyond
    the limit", over this step. Of slow answers there is a bet for each bound of the histogram. window: what was counted in
    this step. unbet: what was counted since the last bet, because a bet needs a request of each version.
    """

    errors: Wealth = STAKE
    finite: Wealth = STAKE
    slow: Mapping[float, Wealth] = field(default_factory=dict)
    no_errors: Wealth = STAKE
    no_slow: Mapping[float, Wealth] = field(default_factory=dict)
    window: Arms = field(default_factory=Arms)
    unbet: Arms = field(default_factory=Arms)

    def of_next_step(self) -> Evidence:
        """With a new window, and what the rollout has shown until now."""
        return Evidence(self.errors, self.finite, self.slow)


def weigh(policy: GatePolicy, evidence: Evidence, counted: Arms, next_share: float, alone: bool) -> Evidence:
    """The evidence after one more look.

    counted: what is new of both versions. next_share: the share of traffic that the challenger would get next, from 0 to 1.
    alone: whether there is no champion; then the challenger is compared with one that never fails.
    """
    if alone:
        counted = replace(counted, champion=_flawless(counted.challenger))
    evidence = replace(evidence, window=evidence.window + counted, unbet=evidence.unbet + counted)
    return _weigh_times(policy, _weigh_answers(policy, evidence, next_share), next_share)


def _flawless(counters: Counters) -> Counters:
    """As many answers, all of them good and immediate."""
    return Counters(counters.requests, latency=dict.fromkeys(counters.latency, counters.timed))


def _weigh_answers(policy: GatePolicy, evidence: Evidence, next_share: float) -> Evidence:
    champion, challenger = evidence.unbet.champion, evidence.unbet.challenger
    if not (champion.requests and challenger.requests):
        return evidence
    errors = _errors(challenger), _errors(champion)
    finite = _non_finite(challenger), _non_finite(champion)
    return replace(
        evidence,
        errors=harm(evidence.errors, *errors, policy.max_error_increase),
        finite=harm(evidence.finite, *finite),
        no_errors=safety(evidence.no_errors, *errors, bearable(policy.max_error_increase, next_share)),
        unbet=Arms(Counters(latency=champion.latency), Counters(latency=challenger.latency)),
    )


def _weigh_times(policy: GatePolicy, evidence: Evidence, next_share: float) -> Evidence:
    champion, challenger = evidence.unbet.champion, evidence.unbet.challenger
    if not (champion.timed and challenger.timed):
        return evidence
    slow, no_slow = {}, {}
    for pair in slow_bounds(policy, evidence.unbet):
        bound, shares = pair.challenger, pair.shares(evidence.unbet)
        slow[bound] = harm(evidence.slow.get(bound, STAKE), *shares, SLOW_SHARE, STALL)
        no_slow[bound] = safety(evidence.no_slow.get(bound, STAKE), *shares, bearable(SLOW_SHARE, next_share))
    unbet = Arms(replace(champion, latency={}), replace(challenger, latency={}))
    return replace(evidence, slow=slow, no_slow=no_slow, unbet=unbet)


def bearable(tolerance: float, share: float) -> float:
    """By how much a version may exceed the champion's rate, when this share of traffic would meet it."""
    return min(0.99, tolerance / share)


@dataclass(frozen=True)
class SlowBounds:
    """From which latency on an answer of each version counts as slow, in milliseconds."""

    challenger: float
    champion: float

    def shares(self, arms: Arms) -> tuple[Share, Share]:
        """The slow answers of challenger and champion."""
        challenger, champion = arms.challenger, arms.champion
        return (
            Share(challenger.slower(self.challenger), challenger.timed),
            Share(champion.slower(self.champion), champion.timed),
        )


def slow_bounds(policy: GatePolicy, arms: Arms) -> Iterator[SlowBounds]:
    """Every bound of the histogram that is not within the budget, each with the champion's bound that it is compared with.

    The challenger may take so many times as long as the champion: that its answers beyond a bound are as many as the champion's
    beyond a bound that is lower by this ratio. Where the ratio leads between two bounds the lower one is taken, to the
    challenger's favour.
    """
    bounds = sorted(bound for bound in {*arms.champion.latency, *arms.challenger.latency} if math.isfinite(bound))
    for bound in bounds:
        if bound >= policy.max_latency_ms:
            most = bound / policy.max_latency_ratio * (1 + 1e-3)
            yield SlowBounds(bound, max((lower for lower in bounds if lower <= most), default=0.0))


def findings(policy: GatePolicy, evidence: Evidence) -> list[Finding]:
    """Every gate's finding."""
    return [_traffic(policy, evidence), _finite(evidence), _error(evidence), *_latency(policy, evidence)]


def _traffic(policy: GatePolicy, evidence: Evidence) -> Finding:
    seen = evidence.window.challenger.requests
    enough = seen >= policy.min_requests
    detail = f"{seen} of {policy.min_requests} answers seen"
    return Finding("traffic", Verdict.PASS if enough else Verdict.INCONCLUSIVE, detail)


def _finite(evidence: Evidence) -> Finding:
    won = _won(evidence.finite)
    verdict = Verdict.FAIL if won >= HARMFUL else Verdict.INCONCLUSIVE if won >= _SUSPICIOUS else Verdict.PASS
    bad = evidence.window.challenger.non_finite
    return Finding("finite outputs", verdict, f"{bad} answers were not finite; {_harm_text(won)}")


def _error(evidence: Evidence) -> Finding:
    shares = _errors(evidence.window.challenger), _errors(evidence.window.champion)
    return _compared("errors", _won(evidence.errors), _won(evidence.no_errors), *shares)


def _latency(policy: GatePolicy, evidence: Evidence) -> Iterator[Finding]:
    pair = _usual(slow_bounds(policy, evidence.window), evidence.window)
    if pair is None:
        timed = evidence.window.challenger.timed
        verdict = Verdict.PASS if timed else Verdict.INCONCLUSIVE
        yield Finding(
            "latency", verdict, f"{timed} answers timed; none may take longer than {policy.max_latency_ms:g} ms"
        )
        return
    won = _won(*evidence.slow.values())
    gate = f"latency over {pair.challenger:g} ms"
    yield _compared(gate, won, _won(evidence.no_slow.get(pair.challenger, STAKE)), *pair.shares(evidence.window))


def _usual(pairs: Iterable[SlowBounds], window: Arms) -> SlowBounds | None:
    """The lowest bounds beyond which the champion has few answers: where its 95th percentile is compared."""
    found = None
    for found in pairs:
        _, champion = found.shares(window)
        if champion.value <= SLOW_SHARE:
            break
    return found


def _compared(gate: str, harmful: float, safe: float, challenger: Share, champion: Share) -> Finding:
    verdict = Verdict.FAIL if harmful >= HARMFUL else Verdict.PASS if safe >= SAFE else Verdict.INCONCLUSIVE
    detail = (
        f"{challenger.value:.1%} of {challenger.trials} against {champion.value:.1%} of {champion.trials} of the champion; "
        f"{_harm_text(harmful)}, of safety {_amount(safe, SAFE)}"
    )
    return Finding(gate, verdict, detail)


def _harm_text(won: float) -> str:
    return f"evidence of harm {_amount(won, HARMFUL)}"


def _amount(won: float, enough: float) -> str:
    return f"{round(min(won, enough), 1):g} of {enough:g}"


def _won(*wealths: Wealth) -> float:
    """How many times their stake these bets have won together."""
    return math.exp(min(700.0, total(wealths)))


def _errors(counters: Counters) -> Share:
    return Share(counters.errors, counters.requests)


def _non_finite(counters: Counters) -> Share:
    return Share(min(counters.non_finite, counters.requests), counters.requests)


def overall(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict of all findings."""
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
