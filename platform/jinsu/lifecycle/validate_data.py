"""validate_data: Great Expectations over all rows, then the split that only the platform sees whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinsu.codec import encode
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.data.expectations import Expectation, always, read_expectations, validate
from jinsu.data.split import EVAL_FILE, TRAIN_FILE, holdout_mask
from jinsu.data.validation import Validation
from jinsu.errors import GateFailedError
from jinsu.packaging.inputs import feature_columns
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.journal import Journal, spec_of
from jinsu.runs.snapshots import SnapshotStore, read_member
from jinsu.runs.stages import StageName, Validated
from jinsu.spec.model import ModelSpec
from jinsu.state.tables import Submission
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import run_key

DOCS = "data_docs"
VERDICT_FILE = "verdict.json"
_SHOWN = 5


@dataclass(frozen=True)
class ValidateData:
    """Runs Great Expectations over every row and cuts the held-out part."""

    journal: Journal
    datasets: DatasetStore
    snapshots: SnapshotStore
    steps: StepFolders
    mlflow: Mlflow

    def run(self, run: str) -> Validated:
        """Raises GateFailedError with the first expectations that do not hold; the Data Docs are kept either way."""
        return self.journal.record(StageName.VALIDATE_DATA, run, lambda: self._validate(self.journal.submission(run)))

    def _validate(self, row: Submission) -> Validated:
        spec = spec_of(row)
        text = self._expectations(row, spec)
        expectations = [] if text is None else read_expectations(text, str(spec.data.expectations))
        version = self.datasets.resolve(row.dataset)
        key = run_key(
            "validate_data",
            spec.data.model_dump(mode="json", exclude={"dataset"}),
            {"dataset": version.digest, "expectations": hashlib.sha256((text or "").encode()).hexdigest()},
            "",
            "jinsu-1",
        )
        out = self.steps.inline(key, lambda out: self._work(version, spec, expectations, out))
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

    def _expectations(self, row: Submission, spec: ModelSpec) -> str | None:
        if not spec.data.expectations:
            return None
        return read_member(self.snapshots.get(row.code_digest), spec.data.expectations)

    def _work(self, version: DatasetVersion, spec: ModelSpec, expectations: Sequence[Expectation], out: Path) -> None:
        import numpy as np
        import pyarrow.parquet as pq

        table = self.datasets.table(version)
        columns = feature_columns(table.column_names, spec.data.features, spec.data.target)
        every = [*always(columns, spec.data.target), *expectations]
        verdict = validate(table.to_pandas(), every, spec.name, out / DOCS)
        counts = dict.fromkeys((TRAIN_FILE, EVAL_FILE), 0)
        if verdict.passed:
            held = holdout_mask(table, spec.data.holdout, spec.data.holdout_by)
            for name, chosen in ((TRAIN_FILE, ~held), (EVAL_FILE, held)):
                pq.write_table(table.take(np.flatnonzero(chosen)), out / name, compression="zstd")
                counts[name] = int(chosen.sum())
        validation = Validation(
            verdict.passed, verdict.checks, verdict.page, table.num_rows, counts[TRAIN_FILE], counts[EVAL_FILE]
        )
        (out / VERDICT_FILE).write_text(json.dumps(encode(validation)), encoding="utf-8")
