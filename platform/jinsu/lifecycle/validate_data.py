"""validate_data: Great Expectations over all rows, then the split that only the platform sees whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from jinsu.codec import encode
from jinsu.confined import tasks
from jinsu.confined.tasks import DATASET, FINDINGS, HELD, Sides, Validation, confined_step
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.errors import GateFailedError, TransientError
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.dataset_inputs import dataset_inputs
from jinsu.runs.division import Division
from jinsu.runs.environments import Environments
from jinsu.runs.journal import Journal, labels_of, rules_of
from jinsu.runs.snapshots import SnapshotStore, read_member
from jinsu.runs.splits import KnownSplit, Splits
from jinsu.runs.stages import StageName, Validated
from jinsu.spec.rules import Rules
from jinsu.state.database import Database
from jinsu.state.tables import ProblemVersion, Submission
from jinsu.steps.folders import StepFolders
from jinsu.steps.result import StepResult
from jinsu.steps.spec import Limits, StepSpec

_SHOWN = 5


@dataclass(frozen=True)
class ValidateData:
    """Runs Great Expectations over every row and cuts the held-out part."""

    database: Database
    journal: Journal
    datasets: DatasetStore
    snapshots: SnapshotStore
    splits: Splits
    environments: Environments
    division: Division
    steps: StepFolders
    mlflow: Mlflow
    platform_limits: Limits

    name: ClassVar[StageName] = StageName.VALIDATE_DATA

    def next_step(self, row: Submission, trial: int) -> StepSpec | None:
        # First, because it takes seconds: a package that is not there is named before a row is read.
        if (building := self.environments.next_step(row)) is not None:
            return building
        version = self.datasets.resolve(row.dataset)
        checks = self._checks(row, version)
        checked = self.steps.result(checks.run_key)
        if checked is None:
            return checks
        if not self._validation(checks, checked).passed:
            return None
        known = self.splits.of(rules_of(row).problem)
        if self._divided(known, version) is not None:
            return None
        division = self.division.split(rules_of(row).problem, known, version, labels_of(row))
        return division if self.steps.result(division.run_key) is None else None

    def judge(self, row: Submission, trial: int) -> Validated:
        """Raises GateFailedError with the first expectations that do not hold; the Data Docs are kept either way."""
        version = self.datasets.resolve(row.dataset)
        checks = self._checks(row, version)
        validation = self._validation(checks)
        if row.mlflow_run is not None:
            self.mlflow.upload(row.mlflow_run, "data_validation.json", json.dumps(encode(validation)).encode())
        shown = Validated("", len(validation.checks), validation.rows, validation.page, checks.run_key)
        self.journal.keep(row.id, shown)
        if not validation.passed:
            failed = validation.failed
            raise GateFailedError(
                f"dataset {row.dataset} fails {len(failed)} of its checks: " + "; ".join(failed[:_SHOWN])
            )
        environment = self.environments.of(row)
        return replace(
            shown, run_key=self._kept(row, version), lock=environment.lock, environment=environment.installed
        )

    def _validation(self, checks: StepSpec, result: StepResult | None = None) -> Validation:
        return self.steps.document(Validation, checks.run_key, FINDINGS, result)

    def _checks(self, row: Submission, version: DatasetVersion) -> StepSpec:
        """The step that checks the rows."""
        rules = rules_of(row)
        details = tasks.Validate(
            rules.problem,
            str(rules.expectations),
            self._expectations(row, rules),
            rules.target,
            rules.features,
            rules.split.column,
        )
        inputs = dataset_inputs(self.datasets, self.steps, version, DATASET)
        return confined_step(details, inputs, self.platform_limits, "validate-3", labels_of(row))

    def _expectations(self, row: Submission, rules: Rules) -> str | None:
        if not rules.expectations:
            return None
        with self.database.begin() as session:
            version = session.get(ProblemVersion, (rules.problem, rules.version))
        if version is not None and version.expectations is not None:
            return version.expectations
        return read_member(self.snapshots.get(row.code_digest), rules.expectations)  # as version 0.1 kept it

    # --- The split ---

    def _divided(self, known: KnownSplit, version: DatasetVersion) -> str | None:
        """The step that divided this version already, if it knew every key that is held out by now."""
        key = known.made.get(version.digest)
        return key if key is not None and self.steps.result(key) is not None else None

    def _kept(self, row: Submission, version: DatasetVersion) -> str:
        """The step that divided the rows; its held-out keys are remembered before anybody can train.

        Raises TransientError when another version was divided meanwhile, whose keys this step did not know.
        """
        problem = rules_of(row).problem
        known = self.splits.of(problem)
        if (divided := self._divided(known, version)) is not None:
            return divided
        key = self.division.split(problem, known, version, labels_of(row)).run_key
        result = self.steps.result(key)
        if result is not None:
            sides = self.steps.document(Sides, key, FINDINGS, result)
            held = self.steps.content(key, HELD, result)
            if self.splits.keep(problem, known, sides.plan, held, version.digest, key):
                return key
        raise TransientError("another version of the dataset was divided meanwhile; this one is divided again.", 0)
