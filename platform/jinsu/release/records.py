"""Rollout policy and state as plain data, for the database. Pure.

They are written with `dataclasses.asdict`. What an earlier version of Jinsu wrote is still read: it kept no share in a
state that steps, called the share of a halted one `held`, and kept counters instead of evidence; its step begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinsu.release.advance import Phase, Policy, State
from jinsu.release.bets import STAKE, Wealth
from jinsu.release.counters import Arms, Counters
from jinsu.release.gates import Evidence, Finding, GatePolicy, Verdict


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
        waited=document.get("waited", 0.0),
        steady=document.get("steady", 0.0),
        seen={source: _arms_from(arms) for source, arms in document.get("seen", {}).items()},
        evidence=_evidence_from(document["evidence"]) if "evidence" in document else Evidence(),
        reason=document["reason"],
        percent=document["percent"] if "percent" in document else _earlier_percent(document, policy),
        findings=tuple(Finding(f["gate"], Verdict(f["verdict"]), f["detail"]) for f in document["findings"]),
    )


def _earlier_percent(document: Mapping[str, Any], policy: Policy) -> int:
    stepping = document["phase"] == Phase.STEPPING
    return policy.steps[document["step"]] if stepping else int(document["held"])


def _evidence_from(document: Mapping[str, Any]) -> Evidence:
    return Evidence(
        errors=_wealth_from(document["errors"]),
        finite=_wealth_from(document["finite"]),
        slow=_wealths_from(document["slow"]),
        no_errors=_wealth_from(document["no_errors"]),
        no_slow=_wealths_from(document["no_slow"]),
        window=_arms_from(document["window"]),
        unbet=_arms_from(document["unbet"]),
    )


def _wealths_from(document: Mapping[str, Any]) -> dict[float, Wealth]:
    return {float(bound): _wealth_from(wealth) for bound, wealth in document.items()}


def _wealth_from(parts: Sequence[float]) -> Wealth:
    """A stake anew for what a version with other ratios wrote."""
    return tuple(parts) if len(parts) == len(STAKE) else STAKE


def _arms_from(document: Mapping[str, Any]) -> Arms:
    return Arms(_counters_from(document["champion"]), _counters_from(document["challenger"]))


def _counters_from(document: Mapping[str, Any]) -> Counters:
    """JSON has text for keys; the bounds of the latency are numbers."""
    return Counters(**{**document, "latency": {float(bound): count for bound, count in document["latency"].items()}})
