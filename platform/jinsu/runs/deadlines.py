"""How long each stage of a run may be at work, and the sentence for one that took longer. Pure.

A stage that waits for a person has no deadline. A training has its own limit, which its runner keeps; what is here ends it
when there is no runner that could.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from jinsu.runs.stages import StageName
from jinsu.spec.model import ModelSpec
from jinsu.spec.rules import Rules

HOUR = 3600.0
_QUEUED_SECONDS = 7 * 24 * HOUR
"""For how long a training may wait for a machine: a queue of a cluster moves slowly, and a quota may be used up for days."""
_RESUMED = 2
"""A training whose machine was lost goes on from its last checkpoint, and does some of its work twice."""
_SECONDS: Mapping[StageName, float] = MappingProxyType(
    {
        StageName.ADMIT: HOUR / 2,
        StageName.VALIDATE_DATA: 4 * HOUR,
        StageName.PACKAGE: 2 * HOUR,
        StageName.EVALUATE: 4 * HOUR,
        StageName.REGISTER: HOUR,
        StageName.PROMOTE: HOUR,
    }
)


def deadline_of(stage: StageName, spec: ModelSpec, rules: Rules) -> float | None:
    """Seconds that the stage may be at work; None when a person ends it."""
    match stage:
        case StageName.REVIEW:
            return None
        case StageName.TRAIN:
            return _RESUMED * spec.train.resources.hours * HOUR + _QUEUED_SECONDS
        case StageName.CANARY:  # the release loop keeps the rollout's own deadline, which each step has
            return (len(rules.canary.steps) + 1) * (rules.canary.every + rules.canary.deadline) + HOUR
        case _:
            return _SECONDS[stage]


def too_long(stage: StageName, seconds: float) -> str:
    """The sentence for a stage that was at work for its whole deadline."""
    return (
        f"{stage}: it was not done after {_in_words(seconds)} at work, the most that this stage may take for this run; "
        "see its log in Airflow, and submit it again."
    )


def _in_words(seconds: float) -> str:
    if seconds >= 48 * HOUR:
        return f"{seconds / (24 * HOUR):.1f} days".replace(".0 ", " ")
    return f"{seconds / HOUR:.1f} h".replace(".0 ", " ") if seconds >= HOUR else f"{seconds / 60:.0f} minutes"
