"""validate_data: Great Expectations over all rows, then the split that only the platform sees whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from jinsu.data.expectations import Expectation, always, read_expectations, validate
from jinsu.data.split import holdout_mask
from jinsu.errors import GateFailedError
from jinsu.installation import Platform
from jinsu.packaging.inputs import feature_columns
from jinsu.runs.snapshots import read_member
from jinsu.spec.model import ModelSpec
from jinsu.steps.inline import inline
from jinsu.steps.spec import run_key

DOCS = "data_docs"


def run(platform: Platform, submission: str) -> dict[str, str]:
    """Validates and splits; records where the parts are. Raises GateFailedError with every failed check."""
    row, spec = platform.submission(submission)
    with platform.task(submission, "validate_data") as output:
        text = (
            read_member(platform.snapshots.get(row.code_digest), spec.data.expectations)
            if spec.data.expectations
            else None
        )
        expectations = read_expectations(text, str(spec.data.expectations)) if text else []
        version = platform.datasets.resolve(row.dataset)
        key = run_key(
            "validate_data",
            spec.data.model_dump(mode="json", exclude={"dataset"}),
            {"dataset": version.digest, "expectations": hashlib.sha256((text or "").encode()).hexdigest()},
            "",
            "jinsu-1",
        )
        out = inline(platform.objects, key, lambda out: _work(platform, row.dataset, spec, expectations, out))
        verdict = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
        output.update(
            run_key=key,
            checks=len(verdict["checks"]),
            rows=verdict["rows"],
            page=_publish(platform, row.mlflow_run, out, verdict),
        )
        platform.note(submission, "validate_data", "", output=dict(output))
        failed = [f"{check['expectation']}: {check['detail']}" for check in verdict["checks"] if not check["passed"]]
        if not verdict["passed"]:
            raise GateFailedError(f"dataset {row.dataset} fails {len(failed)} of its checks: " + "; ".join(failed[:5]))
    return dict(output)


def _work(platform: Platform, dataset: str, spec: ModelSpec, expectations: list[Expectation], out: Path) -> None:
    import numpy as np
    import pyarrow.parquet as pq

    table = platform.datasets.table(platform.datasets.resolve(dataset))
    columns = feature_columns(table.column_names, spec.data.features, spec.data.target)
    verdict = validate(table.to_pandas(), always(columns, spec.data.target) + expectations, spec.name, out / DOCS)
    document = {**asdict(verdict), "rows": table.num_rows}
    if verdict.passed:
        held = holdout_mask(table, spec.data.holdout, spec.data.holdout_by)
        for name, chosen in (("train", ~held), ("eval", held)):
            pq.write_table(table.take(np.flatnonzero(chosen)), out / f"{name}.parquet", compression="zstd")
            document[f"{name}_rows"] = int(chosen.sum())
    (out / "verdict.json").write_text(json.dumps(document), encoding="utf-8")


def _publish(platform: Platform, run: str | None, out: Path, verdict: dict[str, object]) -> str:
    """Puts the verdict beside the run's other evidence; returns the page of this validation within the Data Docs."""
    if run is not None:
        platform.mlflow.upload(run, "data_validation.json", (out / "verdict.json").read_bytes())
    return str(verdict["page"])
