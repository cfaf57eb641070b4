"""What the gates find in the counters of two versions."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.release.bets import STAKE
from jinsu.release.counters import Arms, Counters
from jinsu.release.gates import (
    Evidence,
    Finding,
    GatePolicy,
    SlowBounds,
    Verdict,
    bearable,
    findings,
    overall,
    slow_bounds,
    weigh,
)

GATES = GatePolicy(min_requests=50, max_error_increase=0.02, max_latency_ratio=2.0, max_latency_ms=100.0)


def answers(requests: int, errors: int = 0, non_finite: int = 0, slow: int = 0) -> Counters:
    """Answers within 50 ms, but for `slow` ones within 500 ms."""
    times = {50.0: requests - slow, 100.0: requests - slow, 500.0: requests, math.inf: requests}
    return Counters(requests, errors, non_finite, times)


def looked(
    champion: Counters | None, challenger: Counters, times: int = 1, next_share: float = 1.0, policy: GatePolicy = GATES
) -> Evidence:
    """The evidence after so many looks at which the same was counted; without a champion for None."""
    evidence = Evidence()
    for _ in range(times):
        evidence = weigh(policy, evidence, Arms(champion or Counters(), challenger), next_share, champion is None)
    return evidence


def verdicts(evidence: Evidence, policy: GatePolicy = GATES) -> dict[str, Verdict]:
    return {finding.gate.split(" over")[0]: finding.verdict for finding in findings(policy, evidence)}


@pytest.mark.parametrize(
    ("champion", "challenger", "gate", "verdict"),
    [
        (answers(1000), answers(1000), "traffic", Verdict.PASS),
        (answers(1000), answers(49), "traffic", Verdict.INCONCLUSIVE),
        (answers(1000), answers(1000), "errors", Verdict.PASS),
        (answers(1000), answers(100), "errors", Verdict.INCONCLUSIVE),
        (answers(1000), answers(0), "errors", Verdict.INCONCLUSIVE),
        (answers(0), answers(1000), "errors", Verdict.INCONCLUSIVE),
        (answers(0), answers(1000, errors=1000), "errors", Verdict.INCONCLUSIVE),
        (answers(1000), answers(1000, errors=300), "errors", Verdict.FAIL),
        (answers(30_000, errors=9000), answers(30_000, errors=9000), "errors", Verdict.PASS),
        (answers(1000), answers(1000, errors=25), "errors", Verdict.INCONCLUSIVE),
        (answers(1000), answers(1000, errors=3), "errors", Verdict.PASS),
        (None, answers(1000, errors=300), "errors", Verdict.FAIL),
        (None, answers(1000, errors=3), "errors", Verdict.PASS),
        (answers(1000), answers(1000, non_finite=1), "finite outputs", Verdict.PASS),
        (answers(1000), answers(1000, non_finite=7), "finite outputs", Verdict.INCONCLUSIVE),
        (answers(1000), answers(1000, non_finite=15), "finite outputs", Verdict.FAIL),
        (answers(1000, non_finite=15), answers(1000, non_finite=15), "finite outputs", Verdict.PASS),
        (answers(1000), answers(1000), "latency", Verdict.PASS),
        (answers(1000), answers(1000, slow=10), "latency", Verdict.PASS),
        (answers(1000), answers(1000, slow=60), "latency", Verdict.INCONCLUSIVE),
        (answers(5000, slow=2000), answers(5000, slow=2000), "latency", Verdict.PASS),
        (answers(1000), answers(0), "latency", Verdict.INCONCLUSIVE),
    ],
)
def test_a_gate_says(champion: Counters | None, challenger: Counters, gate: str, verdict: Verdict) -> None:
    assert verdicts(looked(champion, challenger))[gate] is verdict


def test_slowness_is_found_when_it_lasts_longer_than_a_moment() -> None:
    slow = answers(100, slow=40)
    assert verdicts(looked(answers(100), slow))["latency"] is Verdict.INCONCLUSIVE
    assert verdicts(looked(answers(100), slow, times=8))["latency"] is Verdict.FAIL


def test_one_answer_that_is_not_finite_does_not_keep_a_step_from_passing_for_ever() -> None:
    """As one in ten thousand: it is an error as well, and counts among those."""
    evidence = weigh(
        GATES, looked(answers(950), answers(49), times=20), Arms(answers(19), answers(1, non_finite=1)), 1, False
    )
    assert verdicts(evidence)["finite outputs"] is Verdict.PASS


def test_slower_than_the_champion_but_within_the_budget_is_no_failure() -> None:
    champion = Counters(1000, latency={5.0: 1000, 50.0: 1000, 100.0: 1000, 500.0: 1000, math.inf: 1000})
    challenger = Counters(1000, latency={5.0: 0, 50.0: 1000, 100.0: 1000, 500.0: 1000, math.inf: 1000})
    assert verdicts(looked(champion, challenger))["latency"] is Verdict.PASS


BOUNDS = [round(2 ** (k / 3), 3) for k in range(41)]


def at(milliseconds: float, requests: int = 200) -> Counters:
    """Answers that all took so long."""
    times = {bound: requests if bound >= milliseconds else 0 for bound in BOUNDS}
    return Counters(requests, latency={**times, math.inf: requests})


@pytest.mark.parametrize(
    ("champion", "challenger", "verdict"),
    [
        (200.0, 200.0, Verdict.PASS),
        (200.0, 310.0, Verdict.PASS),
        (200.0, 390.0, Verdict.PASS),
        (200.0, 520.0, Verdict.FAIL),
        (200.0, 800.0, Verdict.FAIL),
        (20.0, 90.0, Verdict.PASS),
        (20.0, 200.0, Verdict.FAIL),
    ],
)
def test_a_latency_ratio_of_two_is_two(champion: float, challenger: float, verdict: Verdict) -> None:
    """But for what lies between two bounds of the histogram, a factor of 1.26."""
    assert verdicts(looked(at(champion), at(challenger), times=20))["latency"] is verdict


def test_each_bound_is_compared_with_the_champion_s_that_is_lower_by_the_ratio() -> None:
    arms = Arms(at(1.0), at(1.0))
    pairs = list(slow_bounds(GATES, arms))
    assert pairs[0] == SlowBounds(pytest.approx(101.594), pytest.approx(50.797))  # type: ignore[arg-type]
    assert [pair.challenger for pair in pairs] == [bound for bound in BOUNDS if bound >= 100]
    assert all(pair.challenger / pair.champion == pytest.approx(2.0, rel=2e-3) for pair in pairs)
    assert list(slow_bounds(GATES, Arms())) == []


def test_a_budget_that_the_gateway_itself_keeps_holds_no_rollout() -> None:
    policy = GatePolicy(50, 0.02, 2.0, 60_000.0)
    assert verdicts(looked(at(1.0), at(1.0), policy=policy), policy)["latency"] is Verdict.PASS
    assert verdicts(Evidence(), policy)["latency"] is Verdict.INCONCLUSIVE


def test_a_small_next_share_may_bear_more() -> None:
    assert bearable(0.02, 1.0) == 0.02
    assert bearable(0.02, 0.25) == 0.08
    assert bearable(0.5, 0.01) == 0.99
    few = looked(answers(1000), answers(60), next_share=0.25)
    assert verdicts(few)["errors"] is Verdict.PASS
    assert verdicts(looked(answers(1000), answers(60)))["errors"] is Verdict.INCONCLUSIVE


def test_few_requests_are_weighed_once_there_is_one_of_each_version() -> None:
    """At one request in a second a look meets one version or the other, and hardly ever both."""
    evidence = Evidence()
    for look in range(4000):
        failed = Counters(1, 1, latency={50.0: 0, 500.0: 1, math.inf: 1})
        arms = Arms(Counters(), failed) if look % 20 == 19 else Arms(answers(1), Counters())
        evidence = weigh(GATES, evidence, arms, 1.0, False)
        if Verdict.FAIL in verdicts(evidence).values():
            break
    assert look < 20 * 4


def test_the_next_step_begins_with_an_empty_window_and_what_was_shown_of_harm() -> None:
    evidence = looked(answers(1000), answers(500, errors=10))
    after = evidence.of_next_step()
    assert (after.errors, after.finite, after.slow) == (evidence.errors, evidence.finite, evidence.slow)
    assert (after.no_errors, after.no_slow, after.window) == (STAKE, {}, Arms())


def counters(most: int) -> st.SearchStrategy[Counters]:
    return st.integers(0, most).flatmap(
        lambda n: st.builds(answers, st.just(n), st.integers(0, n), st.integers(0, n), st.integers(0, n))
    )


@given(counters(3000) | st.none(), counters(GATES.min_requests - 1), st.sampled_from([0.05, 0.5, 1.0]))
@settings(deadline=None)
def test_too_little_data_is_never_a_pass(champion: Counters | None, challenger: Counters, share: float) -> None:
    assert overall(findings(GATES, looked(champion, challenger, next_share=share))) is not Verdict.PASS


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([Verdict.PASS, Verdict.FAIL, Verdict.ERROR], Verdict.FAIL),
        ([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.ERROR], Verdict.ERROR),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.PASS, Verdict.PASS], Verdict.PASS),
    ],
)
def test_the_worst_verdict_rules(found: list[Verdict], verdict: Verdict) -> None:
    assert overall([Finding("gate", one, "") for one in found]) is verdict
