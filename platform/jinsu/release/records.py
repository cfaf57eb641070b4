"""Rollout policy and state as plain data, for the database. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import Counters, Finding, GatePolicy, Verdict


def policy_from(document: Mapping[str, Any]) -> Policy:
    return Policy(**{**document, "steps": tuple(document["steps"]), "gates": GatePolicy(**document["gates"])})


def state_from(document: Mapping[str, Any]) -> State:
    return State(
        **{
            **document,
            "phase": Phase(document["phase"]),
            "champion_baseline": counters_from(document["champion_baseline"]),
            "challenger_baseline": counters_from(document["challenger_baseline"]),
            "findings": tuple(Finding(f["gate"], Verdict(f["verdict"]), f["detail"]) for f in document["findings"]),
        }
    )


def counters_from(document: Mapping[str, Any]) -> Counters:
    """JSON made text of the latency bounds; they are numbers."""
    return Counters(**{**document, "latency": {float(bound): count for bound, count in document["latency"].items()}})
