"""`state.json`: what a runner last wrote about itself. This module is the only one that encodes or decodes it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from jinsu.files import write_atomic
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.safe_open import read_regular
from jinsu.steps.status import Phase


@dataclass(frozen=True)
class RunnerState:
    """What a runner last wrote about itself.

    `pid` and `started` (seconds since the epoch) together name the runner's process. `interrupted`: the attempt failed
    through no fault of the script.
    """

    phase: Phase
    message: str = ""
    pid: int = 0
    started: float = 0.0
    interrupted: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: bytes) -> RunnerState | None:
        """The state; None when the text is damaged or something else."""
        try:
            document = json.loads(text)
            return RunnerState(**{**document, "phase": Phase(document["phase"])})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


def read_state(files: StepFiles) -> RunnerState | None:
    """The state of the step's runner; None when there is none, or when a script put anything else in its place."""
    text = read_regular(files.root, files.relative(files.state))
    return None if text is None else RunnerState.from_json(text)


def write_state(files: StepFiles, state: RunnerState) -> None:
    """Replaces the state as a whole: a reader sees the old state or the new one."""
    write_atomic(files.state, state.to_json())
