"""The record of what each run does: its stages, their outputs, and its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from jinsu.codec import decode, encode
from jinsu.errors import JinsuError, NotFoundError, TransientError
from jinsu.registry.mlflow import Mlflow, RunStatus
from jinsu.runs.removals import refuse_removed, stage_keys
from jinsu.runs.stages import OUTPUTS, StageName, StageOutput, stage_of
from jinsu.runs.text import clean
from jinsu.runs.unknown import known
from jinsu.spec.load import FILE_NAME, spec_from
from jinsu.spec.model import ModelSpec
from jinsu.spec.rules import Rules
from jinsu.state.database import Database
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import StageRecord, Submission

_Output = TypeVar("_Output", bound=StageOutput)

_CLOCKS_DIFFER = 30.0
"""By how many seconds the clocks of two machines may differ."""
_MLFLOW_STATUS = {SubmissionState.FAILED: RunStatus.FAILED, SubmissionState.CANCELLED: RunStatus.KILLED}


@dataclass(frozen=True)
class Journal:
    """Reads and writes the records of runs. Every verb is one transaction."""

    database: Database
    mlflow: Mlflow

    # --- Reading ---

    def submission(self, run: str) -> Submission:
        """Raises NotFoundError when there is no such run."""
        with self.database.begin() as session:
            row = session.get(Submission, run)
        if row is None:
            raise NotFoundError(f"run {run!r} does not exist; see: jinsu runs")
        return row

    def output(self, kind: type[_Output], run: str, trial: int = 0) -> _Output:
        """What an earlier stage left. Raises NotFoundError when the stage has not ended well."""
        stage = stage_of(kind)
        with self.database.begin() as session:
            row = session.get(StageRecord, (run, stage, trial))
        if row is None or row.state is not StageState.DONE:
            raise NotFoundError(f"run {run}: stage {stage} has not ended; run it first.")
        return decode(kind, row.output)

    def started(self, run: str, stage: StageName, trial: int = 0) -> float:
        """When the stage began first, in seconds since the epoch. Raises NotFoundError when it has not begun."""
        with self.database.begin() as session:
            row = session.get(StageRecord, (run, stage, trial))
        if row is None:
            raise NotFoundError(f"run {run}: stage {stage} has not begun.")
        return row.started

    def key_at_work(self, run: str, stage: StageName, trial: int = 0) -> str | None:
        """Run key of the step that the stage is at; None when the stage has not begun, or its end is recorded."""
        with self.database.begin() as session:
            row = session.get(StageRecord, (run, stage, trial))
        return row.run_key if row is not None and row.ended is None else None

    # --- Writing ---

    def note(self, run: str, stage: StageName, detail: str = "", trial: int = 0, run_key: str | None = None) -> None:
        """Records that a stage is at work, and what it waits for."""
        with self.database.begin() as session:
            row = session.get(StageRecord, (run, stage, trial))
            if row is None:
                row = StageRecord(submission=run, name=stage, trial=trial, started=time.time(), output={})
                session.add(row)
            if row.ended is not None:
                row.spent = 0.0  # it is done again, so it has its whole time again
            row.state, row.detail, row.ended = StageState.RUNNING, clean(detail), None
            row.run_key = run_key or row.run_key
        if run_key is not None:
            refuse_removed(self.database, (run_key,), time.time())

    def keep(self, run: str, output: StageOutput, trial: int = 0) -> None:
        """Records an output before its stage has ended: people look at what a failed gate has measured."""
        with self.database.begin() as session:
            row = session.get(StageRecord, (run, stage_of(type(output)), trial))
            assert row is not None
            row.output = encode(output)

    def record(self, stage: StageName, run: str, work: Callable[[], _Output], trial: int = 0) -> _Output:
        """Does the work of a stage; records its start, its output, and how it ended.

        A TransientError leaves the stage waiting, since Airflow tries it again. Any other error ends the run with its
        sentence; an exception that nobody raised on purpose becomes one of the two (`jinsu.runs.unknown`). Both go on to
        the caller.
        """
        begun = time.time()
        try:
            self.note(run, stage, "", trial)
            output = work()
            self._end_stage(run, stage, trial, StageState.DONE, "", output)
            self._refuse_removed(run, stage, trial, begun - _CLOCKS_DIFFER)
        except Exception as problem:
            self.failed(run, stage, problem, trial)
            if isinstance(problem, JinsuError):
                raise
            raise known(problem) from problem
        return output

    def failed(self, run: str, stage: StageName, problem: Exception, trial: int = 0) -> None:
        """Records that a stage could not do its work: it waits after a passing problem, and ends the run after any other.

        Nothing is recorded while the database is away; whoever called tries again then.
        """
        error = known(problem)
        passing = isinstance(error, TransientError)
        try:
            self._end_stage(run, stage, trial, StageState.WAITING if passing else StageState.FAILED, str(error))
            if not passing:
                self.end(run, SubmissionState.FAILED, f"{stage}: {error}")
        except Exception as second:
            if isinstance(known(second), TransientError):
                raise known(second) from problem
            raise

    def end(self, run: str, state: SubmissionState, reason: str) -> None:
        """Writes the end of a run once; the first reason stays. Its MLflow run ends with it."""
        with self.database.begin() as session:
            row = session.get(Submission, run, with_for_update=True)
            if row is None or row.ended is not None:
                return
            row.state, row.reason, row.ended = state, clean(reason), time.time()
        if row.mlflow_run is not None and state in _MLFLOW_STATUS:
            with suppress(JinsuError):  # how MLflow shows the run is worth a try, not a retry
                self.mlflow.end_run(row.mlflow_run, _MLFLOW_STATUS[state])

    def reopen(self, run: str) -> None:
        """A person has stages of a failed run done again; another end may follow. Other runs stay as they are."""
        with self.database.begin() as session:
            row = session.get(Submission, run, with_for_update=True)
            if row is not None and row.state is SubmissionState.FAILED:
                row.state, row.reason, row.ended = SubmissionState.RUNNING, "", None

    def _refuse_removed(self, run: str, stage: StageName, trial: int, since: float) -> None:
        """Raises TransientError when retention removed the stage's step while the stage found it done."""
        with self.database.begin() as session:
            row = session.get_one(StageRecord, (run, stage, trial))
        refuse_removed(self.database, stage_keys(row), since)

    def _end_stage(
        self, run: str, stage: StageName, trial: int, state: StageState, detail: str, output: StageOutput | None = None
    ) -> None:
        with self.database.begin() as session:
            row = session.get(StageRecord, (run, stage, trial))
            if row is None:  # the stage could not even begin
                submission = session.get(Submission, run)
                if submission is None or submission.state is SubmissionState.CANCELLED:
                    return
                row = StageRecord(submission=run, name=stage, trial=trial, started=time.time(), output={})
                session.add(row)
            if state is row.state is StageState.FAILED or (state, row.state) == (StageState.WAITING, StageState.DONE):
                return  # the first sentence stays, and so does a stage that is done while its task is tried again
            row.state, row.detail = state, clean(detail)
            row.ended = None if state is StageState.WAITING else time.time()
            if output is not None:
                row.output = encode(output)
                row.run_key = getattr(output, "run_key", row.run_key)  # the step may have been done before


def spec_of(row: Submission) -> ModelSpec:
    """The spec that a submission was admitted with."""
    return spec_from(row.spec, FILE_NAME)


def rules_of(row: Submission) -> Rules:
    """The rules that a submission was admitted under."""
    return Rules.model_validate(row.rules)


def output_of(row: StageRecord) -> StageOutput | None:
    """What a stage has left so far, or None."""
    return decode(OUTPUTS[StageName(row.name)], row.output) if row.output else None


def labels_of(row: Submission) -> dict[str, str]:
    """Whose step it is, for a step of a run."""
    return {"submission": row.id, "model": row.model, "team": row.team}
