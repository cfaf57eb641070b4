"""How a runner reports its attempt: by files on one machine, over a line to the uploader in a pod."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jinsu.sdk.step_files import StepFiles
from jinsu.steps.result import seal
from jinsu.steps.runner_state import RunnerState, write_state
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase

_RESERVE_BYTES = 64 * 1024


@dataclass(frozen=True)
class RunnerEnd:
    """How a runner's attempt ended.

    message: a sentence for a person, empty after DONE. seconds: how long the script ran. peak_memory: the most memory that
    its processes used together, in bytes. interrupted: the attempt failed through no fault of the script.
    """

    phase: Phase
    message: str = ""
    interrupted: bool = False
    seconds: float = 0.0
    peak_memory: int = 0


class Reporter(Protocol):
    """Takes a runner's report: once that the script begins, then once how the attempt ended."""

    def started(self) -> None:
        """The script is about to start. Raises OSError when the report cannot be made."""

    def ended(self, end: RunnerEnd) -> None:
        """The attempt is over and none of its processes lives. Raises StepFailedError for outputs that cannot be kept."""


class FileReporter:
    """Reports by `state.json` and `result.json` in the step's folder."""

    def __init__(self, step: StepSpec, files: StepFiles, check: Callable[[], None] = lambda: None) -> None:
        """check: called before anything is written; raises when another attempt of the step was started."""
        self._step, self._files, self._check, self._began = step, files, check, time.time()

    def started(self) -> None:
        self._check()
        self._files.reserve.write_bytes(b"\0" * _RESERVE_BYTES)
        self._write(RunnerEnd(Phase.RUNNING))

    def ended(self, end: RunnerEnd) -> None:
        self._check()
        self._files.secrets.unlink(missing_ok=True)
        self._files.reserve.unlink(missing_ok=True)
        if end.phase is Phase.DONE:
            gpu_seconds = end.seconds * self._step.limits.gpu
            seal(self._files.root, self._step.run_key, end.seconds, gpu_seconds, end.peak_memory)
        else:
            self._files.result.unlink(missing_ok=True)  # a script may have written one itself
        self._write(end)

    def _write(self, end: RunnerEnd) -> None:
        write_state(self._files, RunnerState(end.phase, end.message, os.getpid(), self._began, end.interrupted))
