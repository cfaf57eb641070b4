"""Stages whose work is done in steps: the launcher executes them, one after the other, and the stage judges what they found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from jinsu.errors import GateFailedError, JinsuError, StepFailedError, TransientError
from jinsu.launchers.launcher import Launcher
from jinsu.runs.cancellation import Cancellation
from jinsu.runs.journal import Journal
from jinsu.runs.open_run import refuse_cancelled
from jinsu.runs.stages import StageName, StageOutput
from jinsu.runs.unknown import known
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission
from jinsu.steps.result import StepResult
from jinsu.steps.spec import StepKind, StepSpec
from jinsu.steps.status import WAITING, Phase, StepStatus

_PAUSE_SECONDS = 0.1
_Value = TypeVar("_Value")


class StepStage(Protocol):
    """A stage of one run, or one trial of it. Every method may be called again, by any process."""

    name: ClassVar[StageName]

    def next_step(self, row: Submission, trial: int) -> StepSpec | None:
        """The first step that is not done; None when nothing is left to execute."""

    def judge(self, row: Submission, trial: int) -> StageOutput:
        """What the stage leaves, once no step is left. Raises the JinsuError that the stage should end with."""


@dataclass(frozen=True)
class Stepping:
    """Carries out a stage in steps."""

    journal: Journal
    launcher: Launcher
    cancellation: Cancellation

    def run(self, stage: StepStage, run: str, trial: int = 0) -> StageOutput:
        """Does the whole stage, waits included."""
        while (key := self.start(stage, run, trial)) is not None:
            while self.waiting(key):
                time.sleep(_PAUSE_SECONDS)
            self.end(stage, run, trial, key)
        return self.finish(stage, run, trial)

    def start(self, stage: StepStage, run: str, trial: int = 0) -> str | None:
        """Starts the stage's next step, or finds it at work; returns its run key, or None when no step is left.

        Raises ConflictError for a cancelled run.
        """
        row = self.journal.submission(run)
        refuse_cancelled(row)
        step = self._recorded(stage, run, trial, lambda: stage.next_step(row, trial))
        if step is None:
            return None
        if self._failure_is_to_be_recorded(stage, run, trial, step.run_key):
            return step.run_key
        self.journal.note(run, stage.name, "training" if step.kind is StepKind.TRAINING else "", trial, step.run_key)
        self._recorded(stage, run, trial, lambda: self.launcher.start(step))
        self._end_if_cancelled(stage, run, trial, step.run_key)
        return step.run_key

    def waiting(self, key: str) -> bool:
        """Whether the step has not ended yet."""
        return self.launcher.status(key).phase in WAITING

    def end(self, stage: StepStage, run: str, trial: int, key: str) -> None:
        """Raises the error that the stage ends with when the step did not end well; the error is recorded."""
        self._recorded(stage, run, trial, lambda: result_of(self.launcher.status(key), stage.name))

    def is_last(self, stage: StepStage, run: str, trial: int) -> bool:
        """Whether every step of the stage is done."""
        return stage.next_step(self.journal.submission(run), trial) is None

    def finish(self, stage: StepStage, run: str, trial: int = 0) -> StageOutput:
        """Records what the stage leaves, or how it failed."""
        row = self.journal.submission(run)
        return self.journal.record(stage.name, run, lambda: stage.judge(row, trial), trial)

    def _recorded(self, stage: StepStage, run: str, trial: int, call: Callable[[], _Value]) -> _Value:
        """The call's result; its error ends the stage, or leaves the stage waiting, before the error goes on."""
        try:
            return call()
        except Exception as problem:
            self.journal.failed(run, stage.name, problem, trial)
            if isinstance(problem, JinsuError):
                raise
            raise known(problem) from problem

    def _failure_is_to_be_recorded(self, stage: StepStage, run: str, trial: int, key: str) -> bool:
        """Whether the step failed while nobody could write it down: `end` does that before the step is executed again."""
        if self.journal.key_at_work(run, stage.name, trial) != key:
            return False
        status = self.launcher.status(key)
        return status.phase is Phase.FAILED and not status.interrupted

    def _end_if_cancelled(self, stage: StepStage, run: str, trial: int, key: str) -> None:
        """A cancellation that came while the process was being started saw none, so it is done once more."""
        row = self.journal.submission(run)
        if row.state is SubmissionState.CANCELLED:
            self.journal.note(run, stage.name, row.reason, trial, run_key=key)
            self.cancellation.run(run, row.reason)
        refuse_cancelled(row)


def result_of(status: StepStatus, stage: StageName) -> StepResult:
    """The result of a step that is done; otherwise raises the error that says what to do. Pure."""
    match status.phase:
        case Phase.DONE:
            assert status.result is not None
            return status.result
        case Phase.FAILED if status.interrupted:
            raise TransientError(status.message, 1.0)
        case Phase.FAILED | Phase.CANCELLED:
            kind = StepFailedError if stage is StageName.TRAIN else GateFailedError
            raise kind(status.message or str(status.phase))
        case _:
            raise TransientError(f"its step is {status.phase}", 1.0)
