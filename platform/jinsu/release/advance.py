"""The rollout as a pure state machine: no clock, no I/O, no randomness.

    advance(policy, state, observation) -> state
    weight(state) -> the challenger's share in percent

A state says absolutely what the world should be ("the challenger gets 25 %"), so applying it again changes nothing. The
release loop persists a state after it was applied; after a crash at any point the same state is applied once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from jinsu.release.command import Command, Verb
from jinsu.release.gates import Counters, Finding, GatePolicy, Verdict, findings, overall


class Phase(StrEnum):
    """Where a rollout is."""

    DEPLOYING = "deploying"
    """The challenger's server starts; the champion has all traffic."""
    STEPPING = "stepping"
    """The challenger has the share of its step, and the gates compare it with the champion."""
    PROMOTING = "promoting"
    """The challenger has all traffic and waits to become the champion; it can still be taken back."""
    HALTED = "halted"
    """The challenger should be taken back, but the champion does not answer: shares stay until a reviewer decides."""
    PROMOTED = "promoted"
    """The challenger has become the champion. The rollout is over."""
    REVERTED = "reverted"
    """The challenger was taken back by a gate or a reviewer; the champion has all traffic. The rollout is over."""
    SUPERSEDED = "superseded"
    """A newer challenger of the same model took the place of this one. The rollout is over."""


TERMINAL = frozenset({Phase.PROMOTED, Phase.REVERTED, Phase.SUPERSEDED})


@dataclass(frozen=True)
class Policy:
    """How a rollout proceeds. Times in seconds, steps in percent of traffic."""

    steps: tuple[int, ...]
    every: float
    deadline: float
    gates: GatePolicy
    ready_deadline: float = 120.0


@dataclass(frozen=True)
class State:
    """Everything a rollout remembers between two looks.

    step: index of the step in the policy. since: when the phase or the step began, in seconds since the epoch; 0 makes
    it begin at the next look. baselines: the counters at that time. percent: the challenger's share at the present step,
    kept when the rollout is halted; `weight` alone says what the share is in every phase.
    """

    challenger: str
    champion: str | None
    phase: Phase = Phase.DEPLOYING
    step: int = 0
    since: float = 0.0
    champion_baseline: Counters = field(default_factory=Counters)
    challenger_baseline: Counters = field(default_factory=Counters)
    reason: str = ""
    percent: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def terminal(self) -> bool:
        return self.phase in TERMINAL


@dataclass(frozen=True)
class Observation:
    """What the loop saw just now. Counters are totals; None means that they could not be read. `followed` says whether a
    gateway is there to take the weights."""

    now: float
    challenger_ready: bool
    champion_ready: bool
    champion: str | None
    challenger_counters: Counters | None
    champion_counters: Counters | None
    followed: bool = True
    superseded_by: str = ""
    command: Command | None = None


def advance(policy: Policy, state: State, seen: Observation) -> State:
    """The next state of a rollout. A rollout that is over stays as it is."""
    return state if state.terminal else _next(policy, state, seen)


def _next(policy: Policy, state: State, seen: Observation) -> State:
    if state.since == 0.0:
        state = replace(state, since=seen.now)
    if seen.champion == state.challenger:
        return replace(state, phase=Phase.PROMOTED, reason="promoted")
    if seen.superseded_by:
        return replace(state, phase=Phase.SUPERSEDED, reason=f"version {seen.superseded_by} took its place")
    if seen.command is not None and seen.command.verb is Verb.ABORT:
        return _revert(state, seen, seen.command.reason)
    if seen.champion != state.champion:
        # Somebody moved the champion by hand: what was measured compares with a model that no longer serves.
        return _enter(replace(state, champion=seen.champion), Phase.DEPLOYING, seen)
    match state.phase:
        case Phase.DEPLOYING:
            return _deploying(policy, state, seen)
        case Phase.STEPPING:
            return _stepping(policy, state, seen)
        case Phase.PROMOTING:
            return _promoting(policy, state, seen)
        case _:
            return _halted(state, seen)


def _deploying(policy: Policy, state: State, seen: Observation) -> State:
    if not seen.challenger_ready:
        if seen.now - state.since > policy.ready_deadline:
            return _revert(state, seen, f"its server was not ready after {policy.ready_deadline:g} s")
        return replace(state, reason="waiting for its server")
    if state.champion is None:
        return replace(_enter(state, Phase.PROMOTING, seen), reason="there is no champion to compare with")
    return _enter_step(policy, state, 0, seen)


def _stepping(policy: Policy, state: State, seen: Observation) -> State:
    state, verdict = _look(policy, state, seen)
    waited = seen.now - state.since
    if verdict is Verdict.FAIL:
        return _revert(state, seen, _why(state, Verdict.FAIL))
    if verdict is Verdict.PASS and waited >= policy.every:
        if state.step + 1 == len(policy.steps):
            return replace(_enter(state, Phase.PROMOTING, seen), reason="all steps passed")
        return _enter_step(policy, state, state.step + 1, seen)
    if verdict is not Verdict.PASS and waited > policy.deadline:
        return _revert(state, seen, f"undecided for {policy.deadline:g} s: {_why(state, verdict)}")
    return replace(state, reason=_why(state, verdict))


def _promoting(policy: Policy, state: State, seen: Observation) -> State:
    """All traffic is with the challenger; the alias follows. A rollback is still possible until it has."""
    if not seen.challenger_ready and seen.now - state.since > policy.every:
        return _revert(state, seen, "its server stopped answering during promotion")
    looked, verdict = _look(policy, state, seen)
    return _revert(looked, seen, _why(looked, Verdict.FAIL)) if verdict is Verdict.FAIL else looked


def _halted(state: State, seen: Observation) -> State:
    resumed = seen.command is not None and seen.command.verb is Verb.RESUME
    return _enter(state, Phase.DEPLOYING, seen) if resumed else state


def _look(policy: Policy, state: State, seen: Observation) -> tuple[State, Verdict]:
    ours, theirs = seen.challenger_counters, seen.champion_counters
    found = findings(
        policy.gates,
        None if theirs is None else theirs.since(state.champion_baseline),
        None if ours is None else ours.since(state.challenger_baseline),
    )
    if theirs is None and state.champion is not None:
        # Without its control group the challenger can be neither blamed nor praised.
        found = [finding for finding in found if finding.gate == "finite outputs"]
        found.append(Finding("champion", Verdict.ERROR, "the champion's statistics cannot be read"))
    if not seen.challenger_ready:
        found.append(Finding("server", Verdict.ERROR, "the challenger's server does not answer"))
    if not seen.followed:
        found.append(
            Finding("gateway", Verdict.ERROR, "no gateway is connected to the controller, so weights reach nobody")
        )
    return replace(state, findings=tuple(found)), overall(found)


def _why(state: State, verdict: Verdict) -> str:
    return "; ".join(f"{finding.gate}: {finding.detail}" for finding in state.findings if finding.verdict is verdict)


def _revert(state: State, seen: Observation, reason: str) -> State:
    if state.champion is not None and not seen.champion_ready:
        return replace(
            state,
            phase=Phase.HALTED,
            percent=weight(state),
            reason=f"{reason}; but the champion does not answer either: traffic stays where it is until a person decides",
        )
    return replace(state, phase=Phase.REVERTED, reason=reason)


def _enter(state: State, phase: Phase, seen: Observation) -> State:
    """A new phase or step begins now; its window starts at the present counters."""
    return replace(
        state,
        phase=phase,
        since=seen.now,
        reason="",
        findings=(),
        step=0 if phase is Phase.DEPLOYING else state.step,
        champion_baseline=seen.champion_counters or Counters(),
        challenger_baseline=seen.challenger_counters or Counters(),
    )


def _enter_step(policy: Policy, state: State, step: int, seen: Observation) -> State:
    return replace(_enter(state, Phase.STEPPING, seen), step=step, percent=policy.steps[step])


def weight(state: State) -> int:
    """The challenger's share of live traffic in percent; the champion gets the rest."""
    match state.phase:
        case Phase.STEPPING | Phase.HALTED:
            return state.percent
        case Phase.PROMOTING | Phase.PROMOTED:
            return 100
        case _:
            return 0
