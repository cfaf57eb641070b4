"""The rollout as a pure machine, the gates it asks, and a test that may be looked at any time."""

import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, xlog1py, xlogy

from jinsu.release.advance import (
    TERMINAL,
    Observation,
    Phase,
    Policy,
    State,
    advance,
    weight,
)
from jinsu.release.command import Command, Verb
from jinsu.release.gates import Counters, Finding, GatePolicy, Verdict, compare, overall
from jinsu.release.records import policy_from, state_from
from jinsu.release.sequential import ALPHA, Share, excess, interval

GATES = GatePolicy(min_requests=50, max_error_increase=0.02, max_latency_ratio=2.0, max_latency_ms=100.0)
POLICY = Policy(steps=(5, 25, 50), every=60.0, deadline=600.0, gates=GATES, ready_deadline=120.0)
OPEN = [phase for phase in Phase if phase not in TERMINAL]
NOW = 10_000.0
RESUME = Command(Verb.RESUME, "by hand")


def answers(requests: int, errors: int = 0, non_finite: int = 0, slow: int = 0) -> Counters:
    """Totals of a version that answers within 50 ms, but for `slow` answers within 500 ms."""
    return Counters(
        requests,
        errors,
        non_finite,
        {50.0: requests - slow, 100.0: requests - slow, 500.0: requests, math.inf: requests},
    )


def state(phase: Phase = Phase.STEPPING, step: int = 0, **more: Any) -> State:
    usual = {
        "challenger": "2", "champion": "1", "phase": phase, "step": step, "since": NOW - 100,
        "percent": POLICY.steps[step],
    }  # fmt: skip
    return State(**{**usual, **more})


def seen(**more: Any) -> Observation:
    """A look at which all is well: both ready, both with enough good answers."""
    usual = {
        "now": NOW, "challenger_ready": True, "champion_ready": True, "champion": "1",
        "challenger_counters": answers(1000), "champion_counters": answers(1000),
    }  # fmt: skip
    return Observation(**{**usual, **more})


def abort(reason: str) -> Command:
    return Command(Verb.ABORT, reason)


# Strategies

VERSIONS = st.sampled_from(["1", "2", "3"])


@st.composite
def counters(draw: st.DrawFn) -> Counters:
    requests = draw(st.integers(0, 3000))
    slow = draw(st.integers(0, requests))
    return answers(requests, draw(st.integers(0, requests)), draw(st.integers(0, requests)), slow)


@st.composite
def states(draw: st.DrawFn) -> State:
    phase, step = draw(st.sampled_from(Phase)), draw(st.integers(0, 2))
    return State(
        challenger="2",
        champion=draw(st.sampled_from([None, "1", "3"])),
        phase=phase,
        step=step,
        percent=draw(st.sampled_from([0, 100, *POLICY.steps])) if phase is Phase.HALTED else POLICY.steps[step],
        since=draw(st.floats(1, NOW)),
        champion_baseline=draw(counters()),
        challenger_baseline=draw(counters()),
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    return Observation(
        now=NOW + draw(st.floats(0, 1000)),
        challenger_ready=draw(st.booleans()),
        champion_ready=draw(st.booleans()),
        champion=draw(st.none() | VERSIONS),
        challenger_counters=draw(st.none() | counters()),
        champion_counters=draw(st.none() | counters()),
        superseded_by=draw(st.sampled_from(["", "", "", "4"])),
        command=draw(st.sampled_from([None, None, None, abort("by hand"), RESUME])),
    )


# Properties


@given(states(), observations())
@settings(deadline=None, max_examples=300)
def test_every_outcome_is_a_whole_picture_of_the_world(before: State, look: Observation) -> None:
    after = advance(POLICY, before, look)
    assert 0 <= weight(after) <= 100
    assert 0 <= after.step < len(POLICY.steps)
    if after.phase in (Phase.REVERTED, Phase.SUPERSEDED):
        assert (weight(after), after.terminal) == (0, True)
    elif after.phase is Phase.PROMOTED:
        assert (weight(after), after.terminal) == (100, True)
    else:
        assert not after.terminal


@given(states(), observations())
@settings(deadline=None, max_examples=300)
def test_a_phase_says_what_share_the_challenger_has(before: State, look: Observation) -> None:
    after = advance(POLICY, before, look)
    shares = {
        Phase.DEPLOYING: 0,
        Phase.STEPPING: POLICY.steps[after.step],
        Phase.HALTED: weight(before),
        Phase.PROMOTING: 100,
        Phase.PROMOTED: 100,
        Phase.REVERTED: 0,
        Phase.SUPERSEDED: 0,
    }
    assert weight(after) == shares[after.phase]


@given(states(), observations())
@settings(deadline=None)
def test_the_same_facts_give_the_same_outcome(before: State, look: Observation) -> None:
    assert advance(POLICY, before, look) == advance(POLICY, before, look)


@given(states().filter(lambda state: state.terminal), observations())
@settings(deadline=None)
def test_what_is_over_stays_over(before: State, look: Observation) -> None:
    assert advance(POLICY, before, look) == before


@given(states(), observations().filter(lambda look: look.command != RESUME))
@settings(deadline=None, max_examples=500)
def test_looking_again_at_the_same_changes_nothing_but_the_start(before: State, look: Observation) -> None:
    once = advance(POLICY, before, look)
    twice = advance(POLICY, once, look)
    if once.phase is Phase.DEPLOYING:
        # The server is there already: the first step begins, or there is nothing to compare with.
        assert twice.phase in (Phase.DEPLOYING, Phase.STEPPING, Phase.PROMOTING)
        assert weight(twice) in (0, POLICY.steps[0]) or twice.champion is None
        once = twice
        twice = advance(POLICY, once, look)
    assert (weight(twice), twice.terminal) == (weight(once), once.terminal)
    assert (twice.phase, twice.step) == (once.phase, once.step)


@given(states(), st.lists(observations(), max_size=12))
@settings(deadline=None, max_examples=200)
def test_nothing_is_promoted_but_by_its_alias_and_never_skips_a_step(before: State, looks: list[Observation]) -> None:
    current = before
    for look in sorted(looks, key=lambda look: look.now):
        after = advance(POLICY, current, look)
        if after.phase is Phase.PROMOTED and not current.terminal:
            assert look.champion == "2"
        if after.phase is Phase.STEPPING and current.phase is Phase.STEPPING and not current.terminal:
            assert after.step in (current.step, current.step + 1)
        if after.phase is Phase.PROMOTING and current.phase is Phase.STEPPING:
            assert current.step == len(POLICY.steps) - 1
        current = after


@given(states(), observations())
@settings(deadline=None)
def test_a_state_survives_the_database(before: State, look: Observation) -> None:
    after = advance(POLICY, before, look)
    kept = json.loads(json.dumps(asdict(after)))
    assert state_from(kept, POLICY) == after
    assert json.loads(json.dumps(asdict(state_from(kept, POLICY)))) == kept


def test_a_policy_survives_the_database() -> None:
    assert policy_from(json.loads(json.dumps(asdict(POLICY)))) == POLICY


# As the first version of Jinsu wrote it: a state had no `percent`, and what a halted one gave the challenger was `held`.
EARLIER_POLICY = """{"steps": [5, 25, 50], "every": 60.0, "deadline": 600.0, "gates": {"min_requests": 50,
    "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}"""
EARLIER_STATE = """{"challenger": "2", "champion": "1", "phase": "%s", "step": %d, "since": 9900.0,
    "champion_baseline": {"requests": 900, "errors": 1, "non_finite": 0, "latency": {"50.0": 890, "Infinity": 900}},
    "challenger_baseline": {"requests": 40, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "why", "held": %d,
    "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "40 of 50 answers seen"}]}"""


@pytest.mark.parametrize(
    ("phase", "step", "held", "share"),
    [
        ("deploying", 0, 0, 0),
        ("stepping", 0, 0, 5),
        ("stepping", 2, 0, 50),
        ("stepping", 1, 50, 25),  # halted at 50 %, resumed, and at its second step again
        ("halted", 1, 25, 25),
        ("halted", 2, 50, 50),
        ("halted", 2, 100, 100),
        ("halted", 0, 0, 0),
        ("promoting", 2, 0, 100),
        ("promoting", 0, 0, 100),
        ("promoted", 2, 0, 100),
        ("promoted", 1, 25, 100),
        ("reverted", 1, 0, 0),
        ("superseded", 2, 50, 0),
    ],
)
def test_what_an_earlier_version_wrote_is_read_rightly(phase: str, step: int, held: int, share: int) -> None:
    found = state_from(json.loads(EARLIER_STATE % (phase, step, held)), policy_from(json.loads(EARLIER_POLICY)))
    assert weight(found) == share
    assert replace(found, percent=0) == State(
        challenger="2",
        champion="1",
        phase=Phase(phase),
        step=step,
        since=9900.0,
        champion_baseline=Counters(900, 1, 0, {50.0: 890, math.inf: 900}),
        challenger_baseline=Counters(40),
        reason="why",
        findings=(Finding("traffic", Verdict.INCONCLUSIVE, "40 of 50 answers seen"),),
    )


def test_a_rollout_halted_during_promotion_keeps_all_traffic_in_the_database_too() -> None:
    promoting = state(Phase.PROMOTING, 2)
    halted = advance(POLICY, promoting, seen(champion_ready=False, challenger_counters=BAD["errors"]))
    kept = json.loads(json.dumps(asdict(halted)))
    assert (kept["phase"], POLICY.steps[kept["step"]]) == ("halted", 50)
    assert weight(state_from(kept, POLICY)) == 100


# The way up


def test_a_good_challenger_goes_all_the_way_up_and_waits_on_every_step() -> None:
    now, total, current, weights = NOW, 1000, State("2", "1"), []
    while current.phase is not Phase.PROMOTING:
        now, total = now + 20, total + 40
        look = seen(now=now, challenger_counters=answers(total), champion_counters=answers(total))
        current = advance(POLICY, current, look)
        weights.append(weight(current))
        assert len(weights) < 100
    # 20 s a look and at least 60 s a step, of which the first look begins it.
    assert weights == [5] * 3 + [25] * 3 + [50] * 3 + [100]
    assert current.reason == "all steps passed"
    current = advance(POLICY, current, seen(now=now + 1, champion="2"))
    assert (current.phase, weight(current)) == (Phase.PROMOTED, 100)


@pytest.mark.parametrize(
    "look",
    [
        seen(now=NOW - 41),
        seen(challenger_counters=answers(49)),
        seen(challenger_counters=Counters()),
        seen(challenger_counters=None),
        seen(challenger_ready=False),
        seen(challenger_counters=answers(60, errors=3)),
    ],
    ids=["too early", "too few answers", "no answers", "unreadable", "not ready", "suspicious"],
)
def test_a_step_holds_until_all_is_well(look: Observation) -> None:
    after = advance(POLICY, state(step=1), look)
    assert (after.phase, after.step, weight(after)) == (Phase.STEPPING, 1, 25)


def test_answers_of_earlier_steps_do_not_count() -> None:
    after = advance(POLICY, state(challenger_baseline=answers(960)), seen())
    assert after.phase is Phase.STEPPING
    assert "traffic: 40 of 50 answers seen" in after.reason


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize(
    "counted", [None, Counters(), answers(0), answers(49)], ids=["unreadable", "none", "empty", "few"]
)
def test_no_data_never_passes_and_reverts_at_the_deadline(step: int, counted: Counters | None) -> None:
    current = state(step=step, since=NOW)
    for waited in range(0, 601, 50):
        current = advance(POLICY, current, seen(now=NOW + waited, challenger_counters=counted))
        assert (current.phase, weight(current)) == (Phase.STEPPING, POLICY.steps[step])
    current = advance(POLICY, current, seen(now=NOW + 601, challenger_counters=counted))
    assert (current.phase, weight(current)) == (Phase.REVERTED, 0)
    assert "undecided for 600 s" in current.reason


@given(st.lists(observations(), max_size=15))
@settings(deadline=None)
def test_without_an_answer_no_rollout_comes_past_its_first_step(looks: list[Observation]) -> None:
    current = State("2", "1")
    for look in sorted(looks, key=lambda look: look.now):
        counted = None if look.command == RESUME else Counters()
        blind = replace(look, champion="1", challenger_counters=counted, command=None)
        current = advance(POLICY, current, blind)
        assert weight(current) <= POLICY.steps[0]


# The way back

BAD = {
    "errors": answers(1000, errors=300),
    "no numbers": answers(1000, non_finite=1),
    "slow": answers(1000, slow=600),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize(
    "before", [*(state(step=step) for step in range(3)), state(Phase.PROMOTING, 2)], ids=["5", "25", "50", "100"]
)
def test_a_failing_gate_reverts_wherever_traffic_flows(before: State, bad: Counters) -> None:
    after = advance(POLICY, before, seen(challenger_counters=bad))
    assert after.phase is Phase.REVERTED
    assert (weight(after), after.terminal) == (0, True)
    assert after.reason


def test_a_revert_says_which_gate_and_how_much() -> None:
    after = advance(POLICY, state(), seen(challenger_counters=answers(1000, errors=300)))
    assert after.reason == "errors: 30.0% of 1000 against 0.0% of 1000 of the champion"


def test_a_few_first_errors_do_not_wait_for_enough_answers() -> None:
    after = advance(POLICY, state(since=NOW), seen(challenger_counters=answers(20, errors=20)))
    assert after.phase is Phase.REVERTED


@pytest.mark.parametrize("phase", OPEN)
def test_a_person_may_abort_at_any_time(phase: Phase) -> None:
    after = advance(POLICY, state(phase), seen(command=abort("ann: looks odd")))
    assert (after.phase, after.reason, weight(after)) == (Phase.REVERTED, "ann: looks odd", 0)


@pytest.mark.parametrize("phase", [phase for phase in OPEN if phase is not Phase.HALTED])
def test_only_what_is_halted_can_be_resumed(phase: Phase) -> None:
    assert advance(POLICY, state(phase), seen(command=RESUME)) == advance(POLICY, state(phase), seen())


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("reason", ["by ann", "bob: looks: wrong", "", "손실"])
def test_a_command_survives_the_database(verb: Verb, reason: str) -> None:
    command = Command(verb, reason)
    assert Command.decode(command.encode()) == command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", None),
        ("abort:bob: looks wrong", abort("bob: looks wrong")),
        ("resume:by ann", Command(Verb.RESUME, "by ann")),
        ("resume", Command(Verb.RESUME, "")),
        ("pause:by ann", None),
    ],
)
def test_a_command_is_read_as_an_earlier_version_wrote_it(text: str, command: Command | None) -> None:
    assert Command.decode(text) == command
    if command is not None and ":" in text:
        assert command.encode() == text


@pytest.mark.parametrize("phase", OPEN)
def test_a_newer_challenger_takes_the_place(phase: Phase) -> None:
    after = advance(POLICY, state(phase), seen(superseded_by="7"))
    assert (after.phase, after.reason) == (Phase.SUPERSEDED, "version 7 took its place")
    assert (weight(after), after.terminal) == (0, True)


@pytest.mark.parametrize("phase", OPEN)
def test_whoever_became_champion_is_promoted(phase: Phase) -> None:
    after = advance(POLICY, state(phase), seen(champion="2", command=abort("late"), superseded_by="7"))
    assert (after.phase, weight(after), after.terminal) == (Phase.PROMOTED, 100, True)


@pytest.mark.parametrize("waited", [120.0, 120.5])
def test_a_server_that_does_not_come_up_reverts_after_its_deadline(waited: float) -> None:
    after = advance(POLICY, state(Phase.DEPLOYING, since=NOW - waited), seen(challenger_ready=False))
    assert after.phase is (Phase.DEPLOYING if waited == 120 else Phase.REVERTED)
    assert weight(after) == 0


def test_the_clock_of_a_rollout_starts_when_it_is_first_seen() -> None:
    after = advance(POLICY, State("2", "1"), seen(challenger_ready=False))
    assert (after.phase, after.since) == (Phase.DEPLOYING, NOW)


def test_a_server_that_dies_during_promotion_reverts_after_some_patience() -> None:
    patient = advance(POLICY, state(Phase.PROMOTING, 2, since=NOW - 60), seen(challenger_ready=False))
    assert patient.phase is Phase.PROMOTING
    reverted = advance(POLICY, state(Phase.PROMOTING, 2, since=NOW - 61), seen(challenger_ready=False))
    assert reverted.phase is Phase.REVERTED


# The champion


@pytest.mark.parametrize(
    "before",
    [state(Phase.DEPLOYING), *(state(step=step) for step in range(3)), state(Phase.PROMOTING, 2)],
    ids=["0", "5", "25", "50", "100"],
)
@pytest.mark.parametrize("command", [None, abort("by hand")], ids=["by itself", "by hand"])
def test_a_broken_champion_halts_and_traffic_stays_where_it_is(before: State, command: Command | None) -> None:
    failing = {
        "champion_ready": False,
        "challenger_counters": BAD["errors"],
        "challenger_ready": before.phase is not Phase.DEPLOYING,
    }
    after = advance(POLICY, replace(before, since=NOW - 130), seen(**failing, command=command))
    assert after.phase is Phase.HALTED
    assert "the champion does not answer either" in after.reason
    assert weight(after) == weight(before)


def test_a_good_challenger_goes_on_past_a_broken_champion() -> None:
    after = advance(POLICY, state(), seen(champion_ready=False, champion_counters=answers(1000, errors=900)))
    assert (after.phase, after.step) == (Phase.STEPPING, 1)


def test_what_is_halted_waits_for_a_person() -> None:
    halted = state(Phase.HALTED, 1)
    assert advance(POLICY, halted, seen(now=NOW + 10**6)) == halted
    assert advance(POLICY, halted, seen(command=RESUME)).phase is Phase.DEPLOYING
    assert advance(POLICY, halted, seen(command=abort("x"))).phase is Phase.REVERTED
    assert advance(POLICY, halted, seen(command=abort("x"), champion_ready=False)).phase is Phase.HALTED


@pytest.mark.parametrize("phase", OPEN)
@pytest.mark.parametrize("champion", ["3", None])
def test_a_champion_moved_by_hand_restarts_the_rollout(phase: Phase, champion: str | None) -> None:
    after = advance(POLICY, state(phase, 2), seen(champion=champion))
    assert (after.phase, after.step, after.champion, after.since) == (Phase.DEPLOYING, 0, champion, NOW)
    assert (weight(after), after.terminal) == (0, False)


def test_the_first_version_of_a_model_goes_straight_to_promotion() -> None:
    alone = {"champion": None, "champion_counters": None, "champion_ready": False, "challenger_counters": Counters()}
    waiting = advance(POLICY, State("1", None), seen(**alone, challenger_ready=False))
    assert waiting.phase is Phase.DEPLOYING
    after = advance(POLICY, waiting, seen(**alone))
    assert (after.phase, weight(after)) == (Phase.PROMOTING, 100)
    assert after.reason == "there is no champion to compare with"
    assert advance(POLICY, after, seen(**{**alone, "champion": "1"})).phase is Phase.PROMOTED


def test_a_first_version_that_fails_is_reverted_though_there_is_no_champion() -> None:
    look = seen(
        champion=None, champion_ready=False, champion_counters=None, challenger_counters=answers(100, errors=90)
    )
    assert advance(POLICY, state(Phase.PROMOTING, champion=None), look).phase is Phase.REVERTED


def test_a_champion_whose_statistics_cannot_be_read_holds_the_rollout() -> None:
    # One tenth of what clients send is refused, by either version. A reading that is missing for a moment proves nothing.
    clients = answers(1000, errors=100)
    same = advance(POLICY, state(), seen(challenger_counters=clients, champion_counters=clients))
    assert (same.phase, same.step) == (Phase.STEPPING, 1)
    blind = advance(POLICY, state(), seen(challenger_counters=clients, champion_counters=None))
    assert (blind.phase, blind.step) == (Phase.STEPPING, 0)


def test_without_a_gateway_nothing_passes_and_it_says_why() -> None:
    after = advance(POLICY, state(), seen(followed=False))
    assert (after.phase, after.step) == (Phase.STEPPING, 0)
    assert after.reason == "gateway: no gateway is connected to the controller, so weights reach nobody"


# Counters and gates


def test_a_window_is_the_difference_of_two_readings() -> None:
    earlier = Counters(100, 5, 1, {50.0: 60, 500.0: 100})
    later = Counters(150, 7, 3, {50.0: 90, 500.0: 150})
    assert later.since(earlier) == Counters(50, 2, 2, {50.0: 30, 500.0: 50})
    assert later.since(Counters()) == later
    assert later.since(later) == Counters(0, 0, 0, {50.0: 0, 500.0: 0})


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (Counters(100, 5), Counters(30, 2)),
        (Counters(100, 5), Counters(200, 2)),
        (Counters(100, 0, 5), Counters(30, 0, 3)),
    ],
)
def test_a_counter_that_went_down_began_anew(earlier: Counters, later: Counters) -> None:
    assert later.since(earlier) == later


def test_a_model_server_that_restarted_hides_no_answer_that_was_no_number() -> None:
    # Envoy counts requests, the server counts such answers: only one of the two began anew.
    assert Counters(1100, 0, 3).since(Counters(1000, 0, 5)).non_finite == 3


@given(counters(), counters())
def test_no_window_holds_less_than_nothing(earlier: Counters, later: Counters) -> None:
    window = later.since(earlier)
    assert min(window.requests, window.errors, window.non_finite, *window.latency.values()) >= 0


def verdicts(champion: Counters | None, challenger: Counters | None) -> dict[str, Verdict]:
    return {finding.gate.split(" over")[0]: finding.verdict for finding in compare(GATES, champion, challenger)}


@pytest.mark.parametrize(
    ("champion", "challenger", "gate", "verdict"),
    [
        (answers(1000), answers(1000), "traffic", Verdict.PASS),
        (answers(1000), answers(49), "traffic", Verdict.INCONCLUSIVE),
        (answers(1000), None, "traffic", Verdict.ERROR),
        (answers(1000), answers(1000), "errors", Verdict.PASS),
        (answers(1000), answers(0), "errors", Verdict.INCONCLUSIVE),
        (answers(1000), answers(1000, errors=300), "errors", Verdict.FAIL),
        (answers(1000, errors=300), answers(1000, errors=300), "errors", Verdict.PASS),
        (answers(1000), answers(1000, errors=25), "errors", Verdict.INCONCLUSIVE),
        (answers(1000), answers(1000, errors=15), "errors", Verdict.PASS),
        (None, answers(1000, errors=300), "errors", Verdict.FAIL),
        (answers(1000), answers(10, non_finite=1), "finite outputs", Verdict.FAIL),
        (answers(1000, non_finite=1), answers(1000, non_finite=9), "finite outputs", Verdict.PASS),
        (answers(1000), answers(1000, slow=400), "latency", Verdict.FAIL),
        (answers(1000, slow=400), answers(1000, slow=400), "latency", Verdict.PASS),
        (answers(1000), answers(1000, slow=10), "latency", Verdict.PASS),
        (answers(1000), answers(0), "latency", Verdict.INCONCLUSIVE),
    ],
)
def test_a_gate_says(champion: Counters | None, challenger: Counters | None, gate: str, verdict: Verdict) -> None:
    assert verdicts(champion, challenger)[gate] is verdict


def test_slower_than_the_champion_but_within_the_budget_is_no_failure() -> None:
    champion = Counters(1000, latency={5.0: 1000, math.inf: 1000})
    challenger = Counters(1000, latency={5.0: 0, 50.0: 1000, math.inf: 1000})
    assert verdicts(champion, challenger)["latency"] is Verdict.PASS


def test_beyond_the_budget_but_like_the_champion_is_no_failure() -> None:
    champion = Counters(1000, latency={250.0: 1000, 500.0: 1000, math.inf: 1000})
    challenger = Counters(1000, latency={250.0: 0, 500.0: 1000, math.inf: 1000})
    assert verdicts(champion, challenger)["latency"] is Verdict.PASS


@given(counters() | st.none(), counters().filter(lambda counted: counted.requests < GATES.min_requests) | st.none())
@settings(deadline=None)
def test_too_little_data_is_never_a_pass(champion: Counters | None, challenger: Counters | None) -> None:
    assert overall(compare(GATES, champion, challenger)) is not Verdict.PASS


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


# The sequential test


@given(st.integers(0, 10**6), st.data())
@settings(deadline=None)
def test_a_confidence_interval_holds_the_share(trials: int, data: st.DataObject) -> None:
    share = Share(data.draw(st.integers(0, trials)), trials)
    low, high = interval(share)
    assert 0 <= low <= share.value + 1e-9
    assert share.value - 1e-9 <= high <= 1


@pytest.mark.parametrize(("events", "trials"), [(1, 10), (3, 100), (30, 100), (500, 1000), (999, 1000)])
@pytest.mark.parametrize("alpha", [0.05, ALPHA])
def test_an_interval_ends_where_the_mixture_is_too_much_more_likely(events: int, trials: int, alpha: float) -> None:
    for rate in interval(Share(events, trials), alpha):
        mixture = betaln(events + 0.5, trials - events + 0.5) - betaln(0.5, 0.5)
        ratio = mixture - xlogy(events, rate) - xlog1py(trials - events, -rate)
        assert ratio == pytest.approx(math.log(1 / alpha), abs=1e-4)


def test_an_excess_is_what_lies_between_two_intervals_of_half_the_risk_each() -> None:
    ours, theirs = Share(300, 1000), Share(10, 1000)
    gap = interval(ours, ALPHA / 2)[0] - interval(theirs, ALPHA / 2)[1]
    assert excess(ours, theirs) == pytest.approx(gap)
    assert 0.1 < gap < 0.29
    assert excess(theirs, ours) == 0


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 1.0])
def test_more_trials_narrow_the_interval(rate: float) -> None:
    widths = [high - low for low, high in (interval(Share(int(rate * n), n)) for n in (100, 1000, 10_000, 100_000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.02


def test_without_trials_nothing_is_known() -> None:
    assert interval(Share(0, 0)) == (0.0, 1.0)
    assert excess(Share(0, 0), Share(0, 100)) == excess(Share(5, 10), Share(0, 0)) == 0


def runs(rate: float, seed: int, number: int = 300, looks: int = 1000) -> np.ndarray:
    """Events so far at each look of each run."""
    return np.cumsum(np.random.default_rng(seed).random((number, looks)) < rate, axis=1)


def alarms(ours: np.ndarray, theirs: np.ndarray, above: float = 0.0) -> tuple[int, int]:
    """Runs in which our test, and a fixed-sample test at 5 %, ever raised an alarm.

    Ours is asked only where the other one alarms: elsewhere the shares are too close for either.
    """
    trials = np.arange(1, ours.shape[1] + 1)
    pooled = (ours + theirs) / (2 * trials)
    error = np.sqrt(np.maximum(2 * pooled * (1 - pooled) / trials, 1e-12))
    naive = (ours - theirs) / trials > 1.645 * error
    sequential = [
        any(excess(Share(int(ours[run, at]), int(trials[at])), Share(int(theirs[run, at]), int(trials[at]))) > above
            for at in np.flatnonzero(naive[run]))
        for run in range(len(ours))
    ]  # fmt: skip
    return sum(sequential), int(naive.any(axis=1).sum())


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5])
def test_a_thousand_looks_at_two_equal_versions_raise_no_alarm(rate: float) -> None:
    false, naive = alarms(runs(rate, 1), runs(rate, 2))
    assert false <= 300 * ALPHA + 3
    assert naive > 300 * 0.1  # which is why the usual test will not do


def test_an_interval_holds_the_truth_at_all_times_together() -> None:
    alpha, rate, trials = 0.05, 0.1, np.unique(np.geomspace(1, 1000, 60).astype(int))
    missed = 0
    for run in runs(rate, 3):
        bounds = [interval(Share(int(run[n - 1]), int(n)), alpha) for n in trials]
        missed += not all(low <= rate <= high for low, high in bounds)
    assert missed <= 300 * alpha


def test_thirty_percent_of_errors_against_one_are_found_within_two_hundred_requests() -> None:
    found, _ = alarms(runs(0.30, 4, looks=200), runs(0.01, 5, looks=200), above=GATES.max_error_increase)
    assert found >= 297


def test_a_harmful_challenger_is_reverted_and_an_equal_one_is_not() -> None:
    for rate, phase in ((0.30, Phase.REVERTED), (0.01, Phase.PROMOTING)):
        ours, theirs = runs(rate, 6, 1, 3000)[0], runs(0.01, 7, 1, 3000)[0]
        current = State("2", "1")
        for at in range(0, 3000, 10):
            look = seen(
                now=NOW + at / 10,
                challenger_counters=answers(at + 1, errors=int(ours[at])),
                champion_counters=answers(at + 1, errors=int(theirs[at])),
            )
            current = advance(POLICY, current, look)
        assert current.phase is phase
