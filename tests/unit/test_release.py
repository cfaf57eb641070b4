"""The rollout as a pure machine."""

import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.release.advance import (
    CONTROL,
    TERMINAL,
    Observation,
    Phase,
    Policy,
    State,
    advance,
    weight,
)
from jinsu.release.bets import RATIOS, STAKE
from jinsu.release.command import Command, Verb
from jinsu.release.counters import Arms, Counters
from jinsu.release.gates import Evidence, Finding, GatePolicy, Verdict
from jinsu.release.records import policy_from, state_from

GATES = GatePolicy(min_requests=50, max_error_increase=0.02, max_latency_ratio=2.0, max_latency_ms=100.0)
POLICY = Policy(
    steps=(5, 25, 50), every=60.0, deadline=600.0, gates=GATES, ready_deadline=120.0, promote_deadline=900.0
)
MOST = 100 - CONTROL
"""Percent that a challenger has while its champion keeps the control share."""
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
    """A rollout that has been in its phase or step for 100 s, and whose sources had counted nothing."""
    usual = {
        "challenger": "2", "champion": "1", "phase": phase, "step": step, "since": NOW - 100, "waited": 100.0, "steady": 100.0,
        "percent": POLICY.steps[step], "seen": {"envoy": Arms()},
    }  # fmt: skip
    return State(**{**usual, **more})


def counted(champion: Counters, challenger: Counters) -> dict[str, Arms]:
    return {"envoy": Arms(champion, challenger)}


def seen(**more: Any) -> Observation:
    """A look, a second after the last one, at which all is well: both ready, both with enough good answers."""
    usual = {
        "now": NOW, "elapsed": 1.0, "challenger_ready": True, "champion_ready": True, "champion": "1",
        "readings": counted(answers(2000), answers(2000)),
    }  # fmt: skip
    return Observation(**{**usual, **more})


def bad(challenger: Counters) -> dict[str, Arms]:
    """What is seen of a challenger that answered so beside a good champion."""
    return counted(answers(2000), challenger)


def abort(reason: str) -> Command:
    return Command(Verb.ABORT, reason)


# Strategies

VERSIONS = st.sampled_from(["1", "2", "3"])


@st.composite
def counters(draw: st.DrawFn) -> Counters:
    requests = draw(st.integers(0, 3000))
    slow = draw(st.integers(0, requests))
    return answers(requests, draw(st.integers(0, requests)), draw(st.integers(0, requests)), slow)


WEALTH = st.tuples(*(st.floats(-20, 20) for _ in RATIOS))


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    slow = draw(st.dictionaries(st.sampled_from([100.0, 500.0]), WEALTH))
    window = Arms(draw(counters()), draw(counters()))
    return Evidence(draw(WEALTH), draw(WEALTH), slow, draw(WEALTH), slow, window)


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
        waited=draw(st.floats(0, 1000)),
        steady=draw(st.floats(0, 1000)),
        seen=draw(st.sampled_from([{}, {"envoy": Arms()}])),
        evidence=draw(evidences()),
    )


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    return Observation(
        now=NOW + draw(st.floats(-1000, 1000)),
        elapsed=draw(st.none() | st.floats(0, 8)),
        challenger_ready=draw(st.booleans()),
        champion_ready=draw(st.booleans()),
        champion=draw(st.none() | VERSIONS),
        readings=draw(st.none() | st.builds(counted, counters(), counters())),
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
        Phase.PROMOTING: 100 if after.champion is None else MOST,
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


@given(states(), observations(), st.floats(-1e6, 1e6))
@settings(deadline=None, max_examples=200)
def test_a_clock_that_steps_decides_nothing(before: State, look: Observation, step: float) -> None:
    after, moved = (advance(POLICY, before, seen) for seen in (look, replace(look, now=look.now + step)))
    assert replace(after, since=0) == replace(moved, since=0)


@given(states(), st.lists(observations(), max_size=12))
@settings(deadline=None, max_examples=200)
def test_nothing_is_promoted_but_by_its_alias_and_never_skips_a_step(before: State, looks: list[Observation]) -> None:
    current = before
    for look in looks:
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
        ("halted", 2, 100, MOST),
        ("halted", 0, 0, 0),
        ("promoting", 2, 0, MOST),
        ("promoting", 0, 0, MOST),
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
        reason="why",
        findings=(Finding("traffic", Verdict.INCONCLUSIVE, "40 of 50 answers seen"),),
    )


def test_a_stake_that_was_placed_on_other_ratios_is_placed_anew() -> None:
    kept = json.loads(json.dumps(asdict(state(evidence=Evidence(errors=(3.0,) * len(RATIOS))))))
    kept["evidence"]["errors"] = [3.0, 4.0]
    assert state_from(kept, POLICY).evidence.errors == STAKE


def test_a_rollout_halted_during_promotion_keeps_its_share_in_the_database_too() -> None:
    promoting = state(Phase.PROMOTING, 2)
    halted = advance(POLICY, promoting, seen(champion_ready=False, readings=bad(BAD["errors"])))
    kept = json.loads(json.dumps(asdict(halted)))
    assert (kept["phase"], POLICY.steps[kept["step"]]) == ("halted", 50)
    assert weight(state_from(kept, POLICY)) == MOST


# The way up


def test_a_good_challenger_goes_all_the_way_up_and_waits_on_every_step() -> None:
    total, current, weights = 1000, State("2", "1"), []
    while current.phase is not Phase.PROMOTING:
        total += 500
        current = advance(POLICY, current, seen(elapsed=20.0, readings=counted(answers(total), answers(total))))
        weights.append(weight(current))
        assert len(weights) < 100
    # 20 s a look and at least 60 s a step, of which the first look begins it.
    assert weights == [5] * 3 + [25] * 3 + [50] * 3 + [MOST]
    assert current.reason == "all steps passed"
    current = advance(POLICY, current, seen(champion="2"))
    assert (current.phase, weight(current)) == (Phase.PROMOTED, 100)


@pytest.mark.parametrize(
    "look",
    [
        seen(elapsed=None),
        seen(readings=bad(answers(49))),
        seen(readings=bad(Counters())),
        seen(readings=None),
        seen(readings={}),
        seen(readings={"another envoy": Arms(answers(1000), answers(1000))}),
        seen(challenger_ready=False),
        seen(readings=bad(answers(60, errors=1))),
        seen(readings=bad(answers(1000, errors=20))),
        seen(readings=bad(answers(1000, non_finite=4))),
        seen(readings=bad(answers(1000, slow=50))),
        seen(readings=counted(Counters(), answers(1000))),
    ],
    ids=[
        "the lease was lost", "too few answers", "no answers", "unreadable", "no source", "a source not seen before", "not ready",
        "too few to be sure", "as bad as tolerated", "not finite", "as slow as tolerated", "no control",
    ],
)  # fmt: skip
def test_a_step_holds_until_all_is_well(look: Observation) -> None:
    after = advance(POLICY, state(step=2), look)
    assert (after.phase, after.step, weight(after)) == (Phase.STEPPING, 2, 50)


def test_a_step_that_began_a_moment_ago_holds() -> None:
    after = advance(POLICY, state(step=1, steady=58.0, waited=58.0), seen())
    assert (after.phase, after.step) == (Phase.STEPPING, 1)


def test_answers_of_earlier_steps_do_not_count() -> None:
    before = {"envoy": Arms(answers(1000), answers(960))}
    after = advance(POLICY, state(seen=before), seen(readings=counted(answers(2000), answers(1000))))
    assert after.phase is Phase.STEPPING
    assert "traffic: 40 of 50 answers seen" in after.reason


def test_the_share_that_comes_next_says_how_sure_a_step_must_be() -> None:
    """A version that has twice the tolerated errors may be shown to a quarter of the traffic, and not to all of it."""
    look = seen(readings=bad(answers(400, errors=2)))
    assert advance(POLICY, state(step=0), look).step == 1
    assert advance(POLICY, state(step=1), look).step == 2
    assert advance(POLICY, state(step=2), look).phase is Phase.STEPPING


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize(
    "challenger", [None, Counters(), answers(0), answers(49)], ids=["unreadable", "none", "empty", "few"]
)
def test_no_data_never_passes_and_reverts_at_the_deadline(step: int, challenger: Counters | None) -> None:
    current = state(step=step, waited=0.0, steady=0.0)
    look = seen(elapsed=50.0, readings=None if challenger is None else bad(challenger))
    for _ in range(12):
        current = advance(POLICY, current, look)
        assert (current.phase, weight(current)) == (Phase.STEPPING, POLICY.steps[step])
    current = advance(POLICY, current, look)
    assert (current.phase, weight(current)) == (Phase.REVERTED, 0)
    assert "undecided for 600 s" in current.reason


def test_a_controller_that_was_away_shows_the_step_anew_and_reverts_nothing() -> None:
    """However long it was away: the deadline counts the seconds in which there was a controller that looked."""
    before = state(step=1, waited=599.0, steady=599.0, evidence=Evidence(window=Arms(answers(40), answers(40))))
    after = advance(POLICY, before, seen(now=NOW + 10**6, elapsed=None, readings=bad(answers(0))))
    assert (after.phase, after.step) == (Phase.STEPPING, 1)
    assert (after.waited, after.steady) == (599.0, 0.0)
    assert after.evidence.window.challenger.requests == 0


def test_harm_that_was_shown_before_a_restart_is_not_forgotten() -> None:
    suspicious = (4.0,) * len(RATIOS)
    before = state(step=1, evidence=Evidence(errors=suspicious))
    after = advance(POLICY, before, seen(elapsed=None, readings={}))
    assert after.evidence.errors == suspicious


@given(st.lists(observations(), max_size=15))
@settings(deadline=None)
def test_without_an_answer_no_rollout_comes_past_its_first_step(looks: list[Observation]) -> None:
    current = State("2", "1")
    for look in looks:
        readings = None if look.readings is None else bad(Counters())
        blind = replace(look, champion="1", readings=readings, command=None)
        current = advance(POLICY, current, blind)
        assert weight(current) <= POLICY.steps[0]


# The way back

BAD = {
    "errors": answers(1000, errors=300),
    "no numbers": answers(1000, non_finite=60),
    "slow": answers(1000, slow=600),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(
    "before", [*(state(step=step) for step in range(3)), state(Phase.PROMOTING, 2)], ids=["5", "25", "50", "90"]
)
def test_a_failing_gate_reverts_wherever_traffic_flows(before: State, kind: str) -> None:
    current = before
    for look in range(1, 15):
        readings = counted(answers(2000 * look), times(BAD[kind], look))
        current = advance(POLICY, current, seen(readings=readings))
    assert current.phase is Phase.REVERTED
    assert (weight(current), current.terminal) == (0, True)
    assert current.reason


def times(counters: Counters, factor: int) -> Counters:
    return Counters(
        counters.requests * factor,
        counters.errors * factor,
        counters.non_finite * factor,
        {bound: count * factor for bound, count in counters.latency.items()},
    )


def test_one_moment_in_which_a_server_stood_still_reverts_nothing() -> None:
    current, total = state(step=1), 1000
    for look in range(60):
        total += 100
        slow = 100 if look >= 30 else 0  # of one look only; the counters keep them
        readings = counted(answers(total), answers(total, slow=slow))
        current = advance(POLICY, current, seen(readings=readings))
        assert current.phase in (Phase.STEPPING, Phase.PROMOTING)


def test_a_revert_says_which_gate_and_how_much() -> None:
    after = advance(POLICY, state(), seen(readings=bad(answers(1000, errors=300))))
    assert after.reason == (
        "errors: 30.0% of 1000 against 0.0% of 2000 of the champion; evidence of harm 300 of 300, of safety 0 of 20"
    )


def test_a_few_first_errors_do_not_wait_for_enough_answers() -> None:
    readings = counted(answers(60), answers(4, errors=4))
    after = advance(POLICY, state(waited=0.0, steady=0.0), seen(readings=readings))
    assert after.phase is Phase.REVERTED


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.3])
def test_promotion_is_judged_by_the_control_share_of_the_champion(rate: float) -> None:
    """Two equal models, ten minutes of promotion at 200 requests/s; errors of clients are nobody's fault."""
    random, current, totals = np.random.default_rng(1), state(Phase.PROMOTING, 2), np.zeros((2, 2), int)
    for _ in range(600):
        requests = random.multinomial(200, [(100 - weight(current)) / 100, weight(current) / 100])
        totals += np.stack([requests, random.binomial(requests, rate)], axis=1)
        arms = [answers(int(n), errors=int(bad)) for n, bad in totals]
        current = advance(POLICY, current, seen(readings=counted(*arms)))
        assert current.phase is Phase.PROMOTING, current.reason


def test_a_promotion_that_nobody_carries_out_ends() -> None:
    waiting = state(Phase.PROMOTING, 2, waited=899.0)
    assert advance(POLICY, waiting, seen(elapsed=1.0)).phase is Phase.PROMOTING
    after = advance(POLICY, waiting, seen(elapsed=2.0))
    assert (after.phase, after.reason) == (Phase.REVERTED, "its run did not promote it within 900 s")


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
    after = advance(POLICY, state(Phase.DEPLOYING, waited=waited), seen(elapsed=0.0, challenger_ready=False))
    assert after.phase is (Phase.DEPLOYING if waited == 120 else Phase.REVERTED)
    assert weight(after) == 0


def test_the_clock_of_a_rollout_starts_when_it_is_first_seen() -> None:
    after = advance(POLICY, State("2", "1"), seen(challenger_ready=False))
    assert (after.phase, after.since) == (Phase.DEPLOYING, NOW)


def test_a_server_that_dies_during_promotion_reverts_after_some_patience() -> None:
    patient = advance(POLICY, state(Phase.PROMOTING, 2, waited=59.0), seen(challenger_ready=False))
    assert patient.phase is Phase.PROMOTING
    reverted = advance(POLICY, state(Phase.PROMOTING, 2, waited=60.0), seen(challenger_ready=False))
    assert reverted.phase is Phase.REVERTED


# The champion


@pytest.mark.parametrize(
    "before",
    [state(Phase.DEPLOYING), *(state(step=step) for step in range(3)), state(Phase.PROMOTING, 2)],
    ids=["0", "5", "25", "50", "90"],
)
@pytest.mark.parametrize("command", [None, abort("by hand")], ids=["by itself", "by hand"])
def test_a_broken_champion_halts_and_traffic_stays_where_it_is(before: State, command: Command | None) -> None:
    failing = {
        "champion_ready": False,
        "readings": bad(BAD["errors"]),
        "challenger_ready": before.phase is not Phase.DEPLOYING,
    }
    after = advance(POLICY, replace(before, waited=130.0), seen(**failing, command=command))
    assert after.phase is Phase.HALTED
    assert "the champion does not answer either" in after.reason
    assert weight(after) == weight(before)


def test_a_good_challenger_goes_on_past_a_broken_champion() -> None:
    readings = counted(answers(2000, errors=1800), answers(2000))
    after = advance(POLICY, state(), seen(champion_ready=False, readings=readings))
    assert (after.phase, after.step) == (Phase.STEPPING, 1)


def test_a_revert_that_waits_for_the_champion_is_carried_out_when_it_answers() -> None:
    halted = advance(POLICY, state(step=2), seen(champion_ready=False, readings=bad(BAD["errors"])))
    assert (halted.phase, weight(halted)) == (Phase.HALTED, 50)
    later = advance(POLICY, halted, seen(champion_ready=False))
    assert (later.phase, weight(later)) == (Phase.HALTED, 50)
    after = advance(POLICY, later, seen())
    assert (after.phase, weight(after)) == (Phase.REVERTED, 0)
    assert after.reason.startswith("errors: 30.0% of 1000")
    assert "does not answer" not in after.reason


def test_what_is_halted_may_be_resumed_or_aborted_by_a_person() -> None:
    halted, away = state(Phase.HALTED, 1), {"champion_ready": False}
    resumed = advance(POLICY, halted, seen(command=RESUME, **away))
    assert (resumed.phase, resumed.evidence) == (Phase.DEPLOYING, Evidence())
    assert advance(POLICY, halted, seen(command=abort("x"))).phase is Phase.REVERTED
    assert advance(POLICY, halted, seen(command=abort("x"), **away)).phase is Phase.HALTED


@pytest.mark.parametrize("phase", OPEN)
@pytest.mark.parametrize("champion", ["3", None])
def test_a_champion_moved_by_hand_restarts_the_rollout(phase: Phase, champion: str | None) -> None:
    after = advance(POLICY, state(phase, 2), seen(champion=champion))
    assert (after.phase, after.step, after.champion, after.since) == (Phase.DEPLOYING, 0, champion, NOW)
    assert (weight(after), after.terminal) == (0, False)


def test_the_first_version_of_a_model_goes_straight_to_promotion() -> None:
    alone = {"champion": None, "champion_ready": False, "readings": counted(Counters(), Counters())}
    waiting = advance(POLICY, State("1", None), seen(**alone, challenger_ready=False))
    assert waiting.phase is Phase.DEPLOYING
    after = advance(POLICY, waiting, seen(**alone))
    assert (after.phase, weight(after)) == (Phase.PROMOTING, 100)
    assert after.reason == "there is no champion to compare with"
    assert advance(POLICY, after, seen(**{**alone, "champion": "1"})).phase is Phase.PROMOTED


@pytest.mark.parametrize("kind", ["errors", "slow"])
def test_a_first_version_that_fails_is_reverted_though_there_is_no_champion(kind: str) -> None:
    current = state(Phase.PROMOTING, champion=None)
    for look in range(1, 15):
        readings = counted(Counters(), times(BAD[kind], look))
        current = advance(POLICY, current, seen(champion=None, champion_ready=False, readings=readings))
    assert current.phase is Phase.REVERTED


def test_a_first_version_with_as_many_errors_as_tolerated_stays() -> None:
    readings = counted(Counters(), answers(2000, errors=30))
    look = seen(champion=None, champion_ready=False, readings=readings)
    assert advance(POLICY, state(Phase.PROMOTING, champion=None), look).phase is Phase.PROMOTING


def test_statistics_that_cannot_be_read_hold_the_rollout() -> None:
    # One tenth of what clients send is refused, by either version. A reading that is missing for a moment proves nothing.
    clients = answers(2000, errors=200)
    same = advance(POLICY, state(), seen(readings=counted(clients, clients)))
    assert (same.phase, same.step) == (Phase.STEPPING, 1)
    blind = advance(POLICY, state(), seen(readings=None))
    assert (blind.phase, blind.step) == (Phase.STEPPING, 0)
    assert "statistics: what the versions answered cannot be read" in [f"{f.gate}: {f.detail}" for f in blind.findings]
    assert advance(POLICY, blind, seen(readings=counted(clients, clients))).step == 1


def test_without_a_gateway_nothing_passes_and_it_says_why() -> None:
    after = advance(POLICY, state(), seen(followed=False))
    assert (after.phase, after.step) == (Phase.STEPPING, 0)
    assert after.reason == "gateway: no gateway is connected to the controller, so weights reach nobody"
