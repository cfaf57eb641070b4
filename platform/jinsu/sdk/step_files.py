"""Where a step's files lie: the contract between a training script and the processes that run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STEP_DIR_VARIABLE = "JINSU_STEP_DIR"


@dataclass(frozen=True)
class StepFiles:
    """Paths of one step, below its folder `root`."""

    root: Path

    @property
    def inputs(self) -> Path:
        return self.root / "in"

    @property
    def code(self) -> Path:
        return self.root / "in" / "code"

    @property
    def params(self) -> Path:
        return self.root / "in" / "params.json"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    @property
    def step(self) -> Path:
        return self.root / "step.json"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def cancel(self) -> Path:
        return self.root / "cancel"

    @property
    def lock(self) -> Path:
        """Held by the step's runner as long as it lives.

        The name is what the runner was called in earlier versions. It must stay: a launcher of this version that looked
        at another name would find no runner of a step that an earlier version started, and would start a second one.
        """
        return self.root / "agent.lock"

    @property
    def result(self) -> Path:
        return self.root / "result.json"
