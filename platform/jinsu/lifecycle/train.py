"""train: the researcher's script, one process a trial, on whatever launcher this installation has."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

from sqlalchemy.exc import IntegrityError

from jinsu.data.plan import TRAIN_FILE
from jinsu.launchers.launcher import Launcher
from jinsu.lifecycle.stepping import result_of
from jinsu.runs.environments import Environments
from jinsu.runs.file_inputs import FileInputs
from jinsu.runs.journal import Journal, labels_of, rules_of, spec_of
from jinsu.runs.snapshots import SnapshotStore
from jinsu.runs.stages import StageName, Trained, Validated
from jinsu.sdk.model_files import MANIFEST_FILE, MODEL_FOLDER
from jinsu.sdk.step_files import TRAIN_ROWS_NAME
from jinsu.spec.model import ModelSpec
from jinsu.state.database import Database
from jinsu.state.tables import Submission, Usage
from jinsu.steps.folders import StepFolders
from jinsu.steps.metrics import all_points, last_values
from jinsu.steps.result import StepResult
from jinsu.steps.spec import Input, Limits, StepSpec, image_part, run_key
from jinsu.steps.status import Phase

REQUIRED_OUTPUT = f"{MODEL_FOLDER}/{MANIFEST_FILE}"
LOCAL_IMAGE = "local"


@dataclass(frozen=True)
class Train:
    """Runs the researcher's script on the installation's launcher and records how it ended.

    trainer_image: the image on Kubernetes, or None on one machine.
    """

    database: Database
    journal: Journal
    snapshots: SnapshotStore
    steps: StepFolders
    environments: Environments
    file_inputs: FileInputs
    launcher: Launcher
    trainer_image: str | None

    name: ClassVar[StageName] = StageName.TRAIN

    def next_step(self, row: Submission, trial: int) -> StepSpec | None:
        choosing = self._choosing(row)
        if choosing is not None and self.steps.result(choosing.run_key) is None:
            return choosing
        step = self.step(row, trial)
        return step if self.launcher.status(step.run_key).phase is not Phase.DONE else None

    def judge(self, row: Submission, trial: int) -> Trained:
        """Records what the script used and logged."""
        key = self.step(row, trial).run_key
        result = result_of(self.launcher.status(key), self.name)
        self._record_usage(row, key, result)
        metrics = last_values(all_points(lambda offset: self.launcher.metrics(key, offset)))
        environment = self._environment(row, trial)
        return Trained(key, result.seconds, result.peak_memory, metrics, environment)

    def step(self, row: Submission, trial: int) -> StepSpec:
        """The step of one trial, as data."""
        spec = spec_of(row)
        validated = self.journal.output(Validated, row.id)
        (rows,) = self.steps.inputs(validated.run_key, {TRAIN_ROWS_NAME: TRAIN_FILE})
        packages = self.environments.inputs(validated.environment)
        files = self.file_inputs.of_training(row.dataset, self._choosing(row))
        params = {**spec.train.params, **(spec.train.trials[trial] if spec.train.trials else {})}
        key = run_key(
            "train",
            {"command": spec.train.command, "params": params},
            {"train": rows.digest, **{item.name: item.digest for item in files[:1]}},
            row.code_digest,
            self._environment(row, trial),
        )
        return StepSpec(
            name="train",
            image=rules_of(row).image or self.trainer_image or LOCAL_IMAGE,
            command=tuple(shlex.split(spec.train.command)),
            params=params,
            limits=_limits(spec),
            inputs=(
                Input("code", self.snapshots.name(row.code_digest), row.code_digest),
                rows,
                *files,
                *packages,
            ),
            output_uri=f"steps/{key}",
            run_key=key,
            labels={**labels_of(row), "requires": REQUIRED_OUTPUT},
            egress=tuple(rules_of(row).egress),
        )

    def _choosing(self, row: Submission) -> StepSpec | None:
        """The step that finds the files of the training rows, where the dataset is a set of files."""
        split = self.journal.output(Validated, row.id).run_key
        return self.file_inputs.choosing(row.dataset, split, labels_of(row))

    def _environment(self, row: Submission, trial: int) -> str:
        """What identifies the script's environment: another torch, or another lock, is another result."""
        validated, image = self.journal.output(Validated, row.id), rules_of(row).image or self.trainer_image
        if image is not None:
            base = image_part(image, f"{row.id}:{trial}")
        else:
            base = f"local:torch-{version('torch')}:numpy-{version('numpy')}"
        if not validated.environment:
            return base
        return f"{base}:lock-sha256-{self.environments.lock_digest(validated.lock)}"

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
