"""Rollout policy and state as plain data, for the database. Pure.

They are written with `dataclasses.asdict`. What an earlier version of Jinsu wrote is still read: it kept no share in a
state that steps, and called the share of a halted one `held`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import Counters, Finding, GatePolicy, Verdict


def policy_from(document: Mapping[str, Any]) -> Policy:
    return Policy(**{**document, "steps": tuple(document["steps"]), "gates": GatePolicy(**document["gates"])})


def state_from(document: Mapping[str, Any], policy: Policy) -> State:
    """The state of a rollout under `policy`."""
    return State(
        challenger=document["challenger"],
        champion=document["champion"],
        phase=Phase(document["phase"]),
        step=document["step"],
        since=document["since"],
        champion_baseline=_counters_from(document["champion_baseline"]),
        challenger_baseline=_counters_from(document["challenger_baseline"]),
        reason=document["reason"],
        percent=document["percent"] if "percent" in document else _earlier_percent(document, policy),
        findings=tuple(Finding(f["gate"], Verdict(f["verdict"]), f["detail"]) for f in document["findings"]),
    )


def _earlier_percent(document: Mapping[str, Any], policy: Policy) -> int:
    stepping = document["phase"] == Phase.STEPPING
    return policy.steps[document["step"]] if stepping else int(document["held"])


def _counters_from(document: Mapping[str, Any]) -> Counters:
    """JSON has text for keys; the bounds of the latency are numbers."""
    return Counters(**{**document, "latency": {float(bound): count for bound, count in document["latency"].items()}})
