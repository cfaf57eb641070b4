"""The rollout as a pure state machine: no clock, no I/O, no randomness.

    advance(policy, state, observation) -> state
    weight(state) -> the challenger's share in percent

A state says absolutely what the world should be ("the challenger gets 25 %"), so applying it again changes nothing. The
release loop persists a state after it was applied; after a crash at any point the same state is applied once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from jinsu.release.command import Command, Verb
from jinsu.release.counters import Readings, news
from jinsu.release.gates import Evidence, Finding, GatePolicy, Verdict, findings, overall, weigh

CONTROL = 10
"""Percent of traffic that a champion keeps until the alias has moved: without it nothing can be compared."""


class Phase(StrEnum):
    """Where a rollout is."""

    DEPLOYING = "deploying"
    """The challenger's server starts; the champion has all traffic."""
    STEPPING = "stepping"
    """The challenger has the share of its step, and the gates compare it with the champion."""
    PROMOTING = "promoting"
    """The challenger has all traffic but the champion's control share, and waits to become the champion; it can still be
    taken back."""
    HALTED = "halted"
    """The challenger is taken back as soon as the champion answers; shares stay until then, or until a reviewer resumes."""
    PROMOTED = "promoted"
    """The challenger has become the champion. The rollout is over."""
    REVERTED = "reverted"
    """The challenger was taken back by a gate or a reviewer; the champion has all traffic. The rollout is over."""
    SUPERSEDED = "superseded"
    """A newer challenger of the same model took the place of this one. The rollout is over."""


TERMINAL = frozenset({Phase.PROMOTED, Phase.REVERTED, Phase.SUPERSEDED})


@dataclass(frozen=True)
class Policy:
    """How a rollout proceeds. Times in seconds, steps in percent of traffic.

    every: how long a step lasts at least. deadline: how long it may stay undecided. ready_deadline: how long a server may take
    until it answers. promote_deadline: how long a challenger that has passed waits for the alias.
    """

    steps: tuple[int, ...]
    every: float
    deadline: float
    gates: GatePolicy
    ready_deadline: float = 120.0
    promote_deadline: float = 1800.0


@dataclass(frozen=True)
class State:
    """Everything a rollout remembers between two looks.

    step: index of the step in the policy. since: when the phase or the step began, in seconds since the epoch, for people to
    read. waited: for how many seconds the controller has looked at it in this phase or step. steady: for how many of them, until
    now, the weights were held without a gap. seen: what each source had counted at the last look. percent: the challenger's
    share at the present step, kept when the rollout is halted; `weight` alone says what the share is in every phase.
    """

    challenger: str
    champion: str | None
    phase: Phase = Phase.DEPLOYING
    step: int = 0
    since: float = 0.0
    waited: float = 0.0
    steady: float = 0.0
    seen: Readings = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    reason: str = ""
    percent: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def terminal(self) -> bool:
        return self.phase in TERMINAL


@dataclass(frozen=True)
class Observation:
    """One look of the release loop at a rollout.

    now: seconds since the epoch; nothing is decided by it. elapsed: seconds since the last look, of a clock that never steps; None
    when there was none, or so long ago that Envoy has given all traffic to the champion meanwhile. champion: version of the
    model's present champion, None when it has none. readings: totals of each source; None when one of them could not be read.
    followed: whether a gateway is connected that takes the weights. superseded_by: version of the model's newer challenger, ""
    when there is none.
    """

    now: float
    elapsed: float | None
    challenger_ready: bool
    champion_ready: bool
    champion: str | None
    readings: Readings | None
    followed: bool = True
    superseded_by: str = ""
    command: Command | None = None


def advance(policy: Policy, state: State, observation: Observation) -> State:
    """The next state of a rollout. A rollout that is over stays as it is."""
    return state if state.terminal else _next(policy, state, observation)


def _next(policy: Policy, state: State, observation: Observation) -> State:
    if observation.champion == state.challenger:
        return replace(state, phase=Phase.PROMOTED, reason="promoted")
    if observation.superseded_by:
        return replace(state, phase=Phase.SUPERSEDED, reason=f"version {observation.superseded_by} took its place")
    if observation.command is not None and observation.command.verb is Verb.ABORT:
        return _revert(state, observation, observation.command.reason)
    if observation.champion != state.champion:
        # The champion was moved by hand: what was counted compares with a model that no longer serves.
        return _enter(replace(state, champion=observation.champion, evidence=Evidence()), Phase.DEPLOYING, observation)
    state = _looked(policy, state, observation)
    match state.phase:
        case Phase.DEPLOYING:
            return _deploying(policy, state, observation)
        case Phase.STEPPING:
            return _stepping(policy, state, observation)
        case Phase.PROMOTING:
            return _promoting(policy, state, observation)
        case _:  # HALTED: the other phases are over, and advance() has returned
            return _halted(state, observation)


def _looked(policy: Policy, state: State, observation: Observation) -> State:
    """The state with what is new since the last look: time, and what both versions answered."""
    elapsed = observation.elapsed
    if elapsed is None:
        # The champion had all traffic for a while, as far as is known, so the step shows its share anew.
        state = replace(state, steady=0.0, evidence=state.evidence.of_next_step())
    else:
        state = replace(state, waited=state.waited + elapsed, steady=state.steady + elapsed)
    state = replace(state, since=state.since or observation.now)
    if observation.readings is None:
        return state
    counted, seen = news(state.seen, observation.readings), {**state.seen, **observation.readings}
    if weight(state) == 0:
        return replace(state, seen=seen)
    evidence = weigh(policy.gates, state.evidence, counted, _next_share(policy, state), alone=state.champion is None)
    return replace(state, seen=seen, evidence=evidence)


def _next_share(policy: Policy, state: State) -> float:
    """The share of traffic, from 0 to 1, that the challenger gets when it passes."""
    following = policy.steps[state.step + 1 : state.step + 2]
    return following[0] / 100 if following and state.phase is Phase.STEPPING else 1.0


def _deploying(policy: Policy, state: State, observation: Observation) -> State:
    if not observation.challenger_ready:
        if state.waited > policy.ready_deadline:
            return _revert(state, observation, f"its server was not ready after {policy.ready_deadline:g} s")
        return replace(state, reason="waiting for its server")
    if state.champion is None:
        return replace(_enter(state, Phase.PROMOTING, observation), reason="there is no champion to compare with")
    return _enter_step(policy, state, 0, observation)


def _stepping(policy: Policy, state: State, observation: Observation) -> State:
    state, verdict = _judge(policy, state, observation)
    if verdict is Verdict.FAIL:
        return _revert(state, observation, _why(state, Verdict.FAIL))
    if verdict is Verdict.PASS and state.steady >= policy.every:
        if state.step + 1 == len(policy.steps):
            return replace(_enter(state, Phase.PROMOTING, observation), reason="all steps passed")
        return _enter_step(policy, state, state.step + 1, observation)
    if verdict is not Verdict.PASS and state.waited > policy.deadline:
        return _revert(state, observation, f"undecided for {policy.deadline:g} s: {_why(state, verdict)}")
    return replace(state, reason=_why(state, verdict))


def _promoting(policy: Policy, state: State, observation: Observation) -> State:
    """The challenger has its largest share until the alias `champion` names it, and is still judged."""
    if not observation.challenger_ready and state.waited > policy.every:
        return _revert(state, observation, "its server stopped answering during promotion")
    if state.waited > policy.promote_deadline:
        return _revert(state, observation, f"its run did not promote it within {policy.promote_deadline:g} s")
    judged, verdict = _judge(policy, state, observation)
    return _revert(judged, observation, _why(judged, Verdict.FAIL)) if verdict is Verdict.FAIL else judged


def _halted(state: State, observation: Observation) -> State:
    if observation.command is not None and observation.command.verb is Verb.RESUME:
        return replace(_enter(state, Phase.DEPLOYING, observation), evidence=Evidence())
    if observation.champion_ready or state.champion is None:
        return replace(state, phase=Phase.REVERTED, reason=state.reason.removesuffix(_UNANSWERED))
    return state


def _judge(policy: Policy, state: State, observation: Observation) -> tuple[State, Verdict]:
    """The state with the present findings of all gates, and the verdict that follows from them."""
    found = findings(policy.gates, state.evidence)
    found += [Finding(gate, Verdict.ERROR, detail) for gate, detail in _broken(observation).items()]
    return replace(state, findings=tuple(found)), overall(found)


def _broken(observation: Observation) -> Mapping[str, str]:
    """What keeps the rollout from being judged, by gate."""
    broken = {}
    if observation.readings is None:
        broken["statistics"] = "what the versions answered cannot be read"
    if not observation.challenger_ready:
        broken["server"] = "the challenger's server does not answer"
    if not observation.followed:
        broken["gateway"] = "no gateway is connected to the controller, so weights reach nobody"
    return broken


def _why(state: State, verdict: Verdict) -> str:
    """The findings with this verdict, in words."""
    return "; ".join(f"{finding.gate}: {finding.detail}" for finding in state.findings if finding.verdict is verdict)


_UNANSWERED = "; but the champion does not answer either: shares stay until it does, or until a person decides"


def _revert(state: State, observation: Observation, reason: str) -> State:
    """Takes the challenger back; later, when the champion, which would get all traffic, does not answer now."""
    if state.champion is not None and not observation.champion_ready:
        return replace(state, phase=Phase.HALTED, percent=weight(state), reason=reason + _UNANSWERED)
    return replace(state, phase=Phase.REVERTED, reason=reason)


def _enter(state: State, phase: Phase, observation: Observation) -> State:
    """A new phase begins now, with a new window."""
    return replace(
        state,
        phase=phase,
        since=observation.now,
        waited=0.0,
        steady=0.0,
        reason="",
        findings=(),
        step=0 if phase is Phase.DEPLOYING else state.step,
        evidence=state.evidence.of_next_step(),
    )


def _enter_step(policy: Policy, state: State, step: int, observation: Observation) -> State:
    """The step of this index begins now."""
    return replace(_enter(state, Phase.STEPPING, observation), step=step, percent=policy.steps[step])


def weight(state: State) -> int:
    """The challenger's share of live traffic in percent; the champion gets the rest."""
    most = 100 if state.champion is None else 100 - CONTROL
    match state.phase:
        case Phase.STEPPING | Phase.HALTED:
            return min(state.percent, most)
        case Phase.PROMOTING:
            return most
        case Phase.PROMOTED:
            return 100
        case _:
            return 0
