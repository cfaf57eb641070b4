"""The phase of a step, and the sentence that a person reads about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from jinsu.sdk.step_files import OUT_NAME
from jinsu.spec.quantities import format_bytes
from jinsu.steps.result import StepResult
from jinsu.steps.spec import StepKind


class Phase(StrEnum):
    """Where a step is. Waiting and running have separate names, because time in a queue counts against no limit."""

    ABSENT = "absent"
    """The launcher knows nothing of the step."""
    QUEUED = "queued"
    """The step waits for a place, a quota or a queue."""
    STARTING = "starting"
    """The step has a place; its image and its inputs are being brought."""
    RUNNING = "running"
    """The script runs, or its outputs are being kept."""
    DONE = "done"
    """There is a valid result."""
    FAILED = "failed"
    """The attempt ended without a result."""
    CANCELLED = "cancelled"
    """A person stopped the step."""


REFUSED = 3
"""Exit status of a program of the platform whose last printed line says why it refuses what it was given."""

TRY_AGAIN = 75
"""Exit status of a program of the platform that may do better when it is started again; its last line says why."""

TERMINAL = frozenset({Phase.DONE, Phase.FAILED, Phase.CANCELLED})
WAITING = frozenset({Phase.QUEUED, Phase.STARTING, Phase.RUNNING})


@dataclass(frozen=True)
class StepStatus:
    """A step's phase, one sentence for a person, and its result when there is one.

    `interrupted`: the step failed through no fault of the script; started again, it resumes from its last checkpoint.
    """

    phase: Phase
    message: str = ""
    result: StepResult | None = None
    interrupted: bool = False


def out_of_memory_message(limit: int, used: int | None = None, kind: StepKind = StepKind.TRAINING) -> str:
    """The sentence of a step that needed more memory than it has: `limit` and `used` in bytes."""
    amount = f"used {format_bytes(used)} of memory" if used else "used up its memory"
    training = kind is StepKind.TRAINING
    remedy = "raise train.resources.memory or use smaller batches" if training else "send less data or a smaller model"
    return f"{amount}, the limit is {format_bytes(limit)}; {remedy}."


def no_output_message(required: str) -> str:
    """The sentence of a script that ended without the output that its step requires."""
    return (
        f"the script ended without saving a model (no {OUT_NAME}/{required}); "
        "call jinsu.save(model, example) before it ends."
    )
