"""What every launcher offers. One contract suite (`tests/contract/launcher_suite.py`) runs against each of them."""

from __future__ import annotations

from typing import Protocol

from jinsu.steps.spec import StepSpec
from jinsu.steps.status import StepStatus

LOG_BYTES = 1 << 20
"""The most of a log that one call of `logs` returns."""
METRICS_BYTES = 4 << 20
"""The most that one call of `metrics` returns."""


class Launcher(Protocol):
    """Starts a step and finds it again by its run key, from any process, at any time."""

    def start(self, step: StepSpec) -> StepStatus:
        """Starts the step unless it is done or alive; a failed one starts again from its last checkpoint."""

    def status(self, run_key: str) -> StepStatus:
        """Where the step is now; never raises for a step that does not exist."""

    def cancel(self, run_key: str, reason: str) -> None:
        """Stops all of the step's processes, because a person cancelled its run. `reason` becomes the status's message."""

    def logs(self, run_key: str, offset: int) -> tuple[str, int]:
        """Log text from a byte offset on, and the offset of the next call. At most LOG_BYTES."""

    def metrics(self, run_key: str, offset: int) -> bytes:
        """What the script logged, from a byte offset on: lines of JSON, at most METRICS_BYTES."""
