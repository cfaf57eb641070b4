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
from jinsu.release.gates import FINITE, Counters, Finding, GatePolicy, Verdict, compare, overall


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
    """One look of the release loop at a rollout.

    now: seconds since the epoch. champion: version of the model's present champion, None when it has none. Counters are
    totals since a server or an Envoy began; None means that they could not be read. followed: whether a gateway is
    connected that takes the weights. superseded_by: version of the model's newer challenger, "" when there is none.
    """

    now: float
    challenger_ready: bool
    champion_ready: bool
    champion: str | None
    challenger_counters: Counters | None
    champion_counters: Counters | None
    followed: bool = True
    superseded_by: str = ""
    command: Command | None = None


def advance(policy: Policy, state: State, observation: Observation) -> State:
    """The next state of a rollout. A rollout that is over stays as it is."""
    return state if state.terminal else _next(policy, state, observation)


def _next(policy: Policy, state: State, observation: Observation) -> State:
    if state.since == 0.0:
        state = replace(state, since=observation.now)
    if observation.champion == state.challenger:
        return replace(state, phase=Phase.PROMOTED, reason="promoted")
    if observation.superseded_by:
        return replace(state, phase=Phase.SUPERSEDED, reason=f"version {observation.superseded_by} took its place")
    if observation.command is not None and observation.command.verb is Verb.ABORT:
        return _revert(state, observation, observation.command.reason)
    if observation.champion != state.champion:
        # The champion was moved by hand: the counters so far compare with a model that no longer serves.
        return _enter(replace(state, champion=observation.champion), Phase.DEPLOYING, observation)
    match state.phase:
        case Phase.DEPLOYING:
            return _deploying(policy, state, observation)
        case Phase.STEPPING:
            return _stepping(policy, state, observation)
        case Phase.PROMOTING:
            return _promoting(policy, state, observation)
        case _:  # HALTED: the other phases are over, and advance() has returned
            return _halted(state, observation)


def _deploying(policy: Policy, state: State, observation: Observation) -> State:
    if not observation.challenger_ready:
        if observation.now - state.since > policy.ready_deadline:
            return _revert(state, observation, f"its server was not ready after {policy.ready_deadline:g} s")
        return replace(state, reason="waiting for its server")
    if state.champion is None:
        return replace(_enter(state, Phase.PROMOTING, observation), reason="there is no champion to compare with")
    return _enter_step(policy, state, 0, observation)


def _stepping(policy: Policy, state: State, observation: Observation) -> State:
    state, verdict = _judge(policy, state, observation)
    waited = observation.now - state.since
    if verdict is Verdict.FAIL:
        return _revert(state, observation, _why(state, Verdict.FAIL))
    if verdict is Verdict.PASS and waited >= policy.every:
        if state.step + 1 == len(policy.steps):
            return replace(_enter(state, Phase.PROMOTING, observation), reason="all steps passed")
        return _enter_step(policy, state, state.step + 1, observation)
    if verdict is not Verdict.PASS and waited > policy.deadline:
        return _revert(state, observation, f"undecided for {policy.deadline:g} s: {_why(state, verdict)}")
    return replace(state, reason=_why(state, verdict))


def _promoting(policy: Policy, state: State, observation: Observation) -> State:
    """The challenger has all traffic until the alias `champion` names it, and is still judged."""
    if not observation.challenger_ready and observation.now - state.since > policy.every:
        return _revert(state, observation, "its server stopped answering during promotion")
    judged, verdict = _judge(policy, state, observation)
    return _revert(judged, observation, _why(judged, Verdict.FAIL)) if verdict is Verdict.FAIL else judged


def _halted(state: State, observation: Observation) -> State:
    resumed = observation.command is not None and observation.command.verb is Verb.RESUME
    return _enter(state, Phase.DEPLOYING, observation) if resumed else state


def _judge(policy: Policy, state: State, observation: Observation) -> tuple[State, Verdict]:
    """The state with the present findings of all gates, and the verdict that follows from them."""
    findings = _findings(policy, state, observation)
    if not observation.challenger_ready:
        findings.append(Finding("server", Verdict.ERROR, "the challenger's server does not answer"))
    if not observation.followed:
        findings.append(
            Finding("gateway", Verdict.ERROR, "no gateway is connected to the controller, so weights reach nobody")
        )
    return replace(state, findings=tuple(findings)), overall(findings)


def _findings(policy: Policy, state: State, observation: Observation) -> list[Finding]:
    """What the gates find in the window since the phase or the step began."""
    champion, challenger = observation.champion_counters, observation.challenger_counters
    findings = compare(
        policy.gates,
        None if champion is None else champion.since(state.champion_baseline),
        None if challenger is None else challenger.since(state.challenger_baseline),
    )
    if champion is None and state.champion is not None:
        # Without its control group the challenger can be neither blamed nor praised.
        findings = [finding for finding in findings if finding.gate == FINITE]
        findings.append(Finding("champion", Verdict.ERROR, "the champion's statistics cannot be read"))
    return findings


def _why(state: State, verdict: Verdict) -> str:
    """The findings with this verdict, in words."""
    return "; ".join(f"{finding.gate}: {finding.detail}" for finding in state.findings if finding.verdict is verdict)


def _revert(state: State, observation: Observation, reason: str) -> State:
    """Takes the challenger back; halts when the champion, which would get all traffic, does not answer."""
    if state.champion is not None and not observation.champion_ready:
        return replace(
            state,
            phase=Phase.HALTED,
            percent=weight(state),
            reason=f"{reason}; but the champion does not answer either: traffic stays where it is until a person decides",
        )
    return replace(state, phase=Phase.REVERTED, reason=reason)


def _enter(state: State, phase: Phase, observation: Observation) -> State:
    """A new phase begins now; its window of counters starts with the present ones."""
    return replace(
        state,
        phase=phase,
        since=observation.now,
        reason="",
        findings=(),
        step=0 if phase is Phase.DEPLOYING else state.step,
        champion_baseline=observation.champion_counters or Counters(),
        challenger_baseline=observation.challenger_counters or Counters(),
    )


def _enter_step(policy: Policy, state: State, step: int, observation: Observation) -> State:
    """The step of this index begins now."""
    return replace(_enter(state, Phase.STEPPING, observation), step=step, percent=policy.steps[step])


def weight(state: State) -> int:
    """The challenger's share of live traffic in percent; the champion gets the rest."""
    match state.phase:
        case Phase.STEPPING | Phase.HALTED:
            return state.percent
        case Phase.PROMOTING | Phase.PROMOTED:
            return 100
        case _:
            return 0
