"""train: the researcher's script, one process a trial, on whatever launcher this installation has."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy.exc import IntegrityError

from jinsu.data.split import TRAIN_FILE
from jinsu.errors import NotFoundError, StepFailedError, TransientError
from jinsu.launchers.launcher import Launcher
from jinsu.runs.cancellation import Cancellation
from jinsu.runs.journal import Journal, spec_of
from jinsu.runs.open_run import refuse_cancelled
from jinsu.runs.snapshots import SnapshotStore
from jinsu.runs.stages import StageName, Trained, Validated
from jinsu.sdk.model_files import MODEL_FILE, MODEL_FOLDER
from jinsu.sdk.step_files import TRAIN_ROWS_NAME
from jinsu.spec.model import ModelSpec
from jinsu.state.database import Database
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission, Usage
from jinsu.steps.folders import StepFolders
from jinsu.steps.metrics import last_values, parse_metrics
from jinsu.steps.result import StepResult
from jinsu.steps.spec import Input, Limits, StepSpec, image_part, run_key
from jinsu.steps.status import WAITING, Phase, StepStatus

REQUIRED_OUTPUT = f"{MODEL_FOLDER}/{MODEL_FILE}"
LOCAL_IMAGE = "local"
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Train:
    """Runs the researcher's script on the installation's launcher and records how it ended.

    trainer_image: the image on Kubernetes, or None on one machine.
    """

    database: Database
    journal: Journal
    snapshots: SnapshotStore
    steps: StepFolders
    launcher: Launcher
    cancellation: Cancellation
    trainer_image: str | None

    def run(self, run: str, trial: int = 0) -> Trained:
        """Starts the trial and waits until it has ended."""
        key = self.start(run, trial)
        while self.waiting(key):
            time.sleep(_PAUSE_SECONDS)
        return self.finish(run, trial, key)

    def start(self, run: str, trial: int) -> str:
        """Starts (or finds) the trial's process; returns its run key. Raises ConflictError for a cancelled run."""
        row = self.journal.submission(run)
        refuse_cancelled(row)
        step = self.step(row, trial)
        self.journal.note(run, StageName.TRAIN, "training", trial, run_key=step.run_key)
        self.launcher.start(step)
        self._end_if_cancelled(run, trial, step.run_key)
        return step.run_key

    def _end_if_cancelled(self, run: str, trial: int, key: str) -> None:
        """A cancellation that came while the process was being started saw none, so it is done once more."""
        row = self.journal.submission(run)
        if row.state is SubmissionState.CANCELLED:
            self.journal.note(run, StageName.TRAIN, row.reason, trial, run_key=key)
            self.cancellation.run(run, row.reason)
        refuse_cancelled(row)

    def waiting(self, key: str) -> bool:
        """Whether the process has not ended yet."""
        return self.launcher.status(key).phase in WAITING

    def finish(self, run: str, trial: int, key: str) -> Trained:
        """Records how the trial ended. Raises the error that the stage should end with."""

        def work() -> Trained:
            result = judge(self.launcher.status(key))
            self._record_usage(self.journal.submission(run), key, result)
            points, _ = parse_metrics(self.launcher.metrics(key, 0))
            environment = self._environment(run, trial)
            return Trained(key, result.seconds, result.peak_memory, last_values(points), environment)

        return self.journal.record(StageName.TRAIN, run, work, trial)

    def step(self, row: Submission, trial: int) -> StepSpec:
        """The step of one trial, as data."""
        spec = spec_of(row)
        split = self.journal.output(Validated, row.id).run_key
        rows = self.steps.result(split)
        if rows is None:
            raise NotFoundError(f"run {row.id}: the rows that validate_data made are gone; submit again.")
        digest = rows.outputs[TRAIN_FILE]
        params = {**spec.train.params, **(spec.train.trials[trial] if spec.train.trials else {})}
        key = run_key(
            "train",
            {"command": spec.train.command, "params": params},
            {"train": digest},
            row.code_digest,
            self._environment(row.id, trial),
        )
        return StepSpec(
            name="train",
            image=self.trainer_image or LOCAL_IMAGE,
            command=tuple(shlex.split(spec.train.command)),
            params=params,
            limits=_limits(spec),
            inputs=(
                Input("code", self.snapshots.name(row.code_digest), row.code_digest),
                Input(TRAIN_ROWS_NAME, f"steps/{split}/out/{TRAIN_FILE}", digest),
            ),
            output_uri=f"steps/{key}",
            run_key=key,
            labels={"submission": row.id, "model": row.model, "team": row.team, "requires": REQUIRED_OUTPUT},
        )

    def _environment(self, run: str, trial: int) -> str:
        """What identifies the script's environment: another torch is another result."""
        if self.trainer_image is not None:
            return image_part(self.trainer_image, f"{run}:{trial}")
        return f"local:torch-{version('torch')}:numpy-{version('numpy')}"

    def _record_usage(self, row: Submission, key: str, result: StepResult) -> None:
        usage = Usage(
            run_key=key,
            submission=row.id,
            team=row.team,
            seconds=result.seconds,
            gpu_seconds=result.gpu_seconds,
            peak_memory=result.peak_memory,
            at=time.time(),
        )
        try:
            with self.database.begin() as session:
                if session.get(Usage, key) is None:
                    session.add(usage)
        except IntegrityError:
            return  # another trial with the same key wrote it


def judge(status: StepStatus) -> StepResult:
    """The result of a step that is done; otherwise raises the error that says what to do. Pure."""
    match status.phase:
        case Phase.DONE:
            assert status.result is not None
            return status.result
        case Phase.FAILED if status.interrupted:
            raise TransientError(status.message, 1.0)
        case Phase.FAILED | Phase.CANCELLED:
            raise StepFailedError(status.message or str(status.phase))
        case _:
            raise TransientError(f"the training is {status.phase}", 1.0)


def _limits(spec: ModelSpec) -> Limits:
    resources = spec.train.resources
    return Limits(
        memory=resources.memory,
        seconds=resources.hours * 3600,
        cpu=resources.cpu,
        gpu=resources.gpu,
        gpu_type=resources.gpu_type,
        priority=spec.train.priority,
    )
