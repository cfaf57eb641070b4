"""validate_data: Great Expectations over all rows, then the split that only the platform sees whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.codec import encode
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.data.expectations import Expectation, always, read_expectations, validate
from jinsu.data.split import EVAL_FILE, TRAIN_FILE, repeated_share
from jinsu.data.validation import Validation
from jinsu.errors import GateFailedError
from jinsu.packaging.inputs import feature_columns
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.journal import Journal, rules_of
from jinsu.runs.snapshots import SnapshotStore, read_member
from jinsu.runs.splits import FixedSplit, Splits
from jinsu.runs.stages import StageName, Validated
from jinsu.spec.rules import Rules
from jinsu.state.database import Database
from jinsu.state.tables import ProblemVersion, Submission
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import run_key

if TYPE_CHECKING:
    import pyarrow as pa

DOCS = "data_docs"
VERDICT_FILE = "verdict.json"
_SHOWN = 5


@dataclass(frozen=True)
class ValidateData:
    """Runs Great Expectations over every row and cuts the held-out part."""

    database: Database
    journal: Journal
    datasets: DatasetStore
    snapshots: SnapshotStore
    splits: Splits
    steps: StepFolders
    mlflow: Mlflow

    def run(self, run: str) -> Validated:
        """Raises GateFailedError with the first expectations that do not hold; the Data Docs are kept either way."""
        return self.journal.record(StageName.VALIDATE_DATA, run, lambda: self._validate(self.journal.submission(run)))

    def _validate(self, row: Submission) -> Validated:
        rules = rules_of(row)
        text = self._expectations(row, rules)
        expectations = [] if text is None else read_expectations(text, str(rules.expectations))
        version = self.datasets.resolve(row.dataset)
        fixed = self._split(rules, version)
        key = run_key(
            "validate_data",
            {"target": rules.target, "features": rules.features, "split": fixed.digest},
            {"dataset": version.digest, "expectations": hashlib.sha256((text or "").encode()).hexdigest()},
            "",
            "jinsu-2",
        )
        out = self.steps.inline(key, lambda out: self._work(version, rules, fixed, expectations, out))
        validation = self.steps.document(Validation, key, VERDICT_FILE)
        if row.mlflow_run is not None:
            self.mlflow.upload(row.mlflow_run, "data_validation.json", (out / VERDICT_FILE).read_bytes())
        validated = Validated(key, len(validation.checks), validation.rows, validation.page)
        self.journal.keep(row.id, validated)
        if not validation.passed:
            failed = validation.failed
            raise GateFailedError(
                f"dataset {row.dataset} fails {len(failed)} of its checks: " + "; ".join(failed[:_SHOWN])
            )
        return validated

    def _expectations(self, row: Submission, rules: Rules) -> str | None:
        if not rules.expectations:
            return None
        with self.database.begin() as session:
            version = session.get(ProblemVersion, (rules.problem, rules.version))
        if version is not None and version.expectations is not None:
            return version.expectations
        return read_member(self.snapshots.get(row.code_digest), rules.expectations)  # as version 0.1 kept it

    def _split(self, rules: Rules, version: DatasetVersion) -> FixedSplit:
        known = self.splits.fixed(rules.problem)
        if known is not None:
            return known
        return self.splits.fix(rules.problem, self.datasets.table(version))

    def _work(
        self,
        version: DatasetVersion,
        rules: Rules,
        fixed: FixedSplit,
        expectations: Sequence[Expectation],
        out: Path,
    ) -> None:
        table = self.datasets.table(version)
        columns = feature_columns(table.column_names, rules.features, rules.target, rules.split.column)
        every = [*always(columns, rules.target), *expectations]
        verdict = validate(table.to_pandas(), every, rules.problem, out / DOCS)
        validation = Validation(verdict.passed, verdict.checks, verdict.page, table.num_rows)
        if verdict.passed:
            validation = self._cut(table, fixed, columns, validation, out)
        (out / VERDICT_FILE).write_text(json.dumps(encode(validation)), encoding="utf-8")

    def _cut(
        self, table: pa.Table, fixed: FixedSplit, columns: Sequence[str], validation: Validation, out: Path
    ) -> Validation:
        """Writes both sides; the held-out keys are remembered before anybody can train."""
        import numpy as np
        import pyarrow.parquet as pq

        held = self.splits.hold_out(fixed, table)
        for name, chosen in ((TRAIN_FILE, ~held), (EVAL_FILE, held)):
            pq.write_table(table.take(np.flatnonzero(chosen)), out / name, compression="zstd")
        return Validation(
            validation.passed,
            validation.checks,
            validation.page,
            validation.rows,
            train_rows=int((~held).sum()),
            eval_rows=int(held.sum()),
            repeated=repeated_share(table, held, columns),
        )
