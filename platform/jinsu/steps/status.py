"""Where a step is, and what a person is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from jinsu.steps.result import StepResult


class Phase(StrEnum):
    """Where a step is. Separate names for waiting and running: queue time never counts against a limit."""

    ABSENT = "absent"
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Phase.DONE, Phase.FAILED, Phase.CANCELLED})
WAITING = frozenset({Phase.QUEUED, Phase.STARTING, Phase.RUNNING})


@dataclass(frozen=True)
class StepStatus:
    """A step's phase, one sentence for a person, and its result when there is one.

    `interrupted`: it failed through no fault of the script; started again, it resumes from its last checkpoint.
    """

    phase: Phase
    message: str = ""
    result: StepResult | None = None
    interrupted: bool = False


def out_of_memory(limit: int, used: int | None = None) -> str:
    """The sentence of a step that went beyond its memory: `limit` and `used` in bytes."""
    from jinsu.spec.quantities import format_bytes  # pydantic is not in the small image that only reads a status

    amount = f"used {format_bytes(used)} of memory" if used else "used up its memory"
    return f"{amount}, the limit is {format_bytes(limit)}; raise train.resources.memory or use smaller batches."
