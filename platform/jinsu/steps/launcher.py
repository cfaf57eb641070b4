"""What every launcher offers. One contract suite (`tests/contract/test_launchers.py`) runs against each of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jinsu.steps.contract import StepSpec
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


class Launcher(Protocol):
    """Starts a step and finds it again by its run key, from any process, at any time."""

    def start(self, step: StepSpec) -> StepStatus:
        """Starts the step unless it is done or alive; a failed one starts again from its last checkpoint."""

    def status(self, run_key: str) -> StepStatus:
        """Where the step is now; never raises for a step that does not exist."""

    def cancel(self, run_key: str, reason: str) -> None:
        """Stops all of the step's processes. Only a person's wish leads here."""

    def logs(self, run_key: str, offset: int) -> tuple[str, int]:
        """Log text from a byte offset, and the next offset."""

    def metrics(self, run_key: str, offset: int) -> bytes:
        """What the script wrote to `metrics.jsonl` from a byte offset on, some MiB at most."""
