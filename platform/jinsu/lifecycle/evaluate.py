"""evaluate: the packaged model on rows the submitter's code never saw, beside the champion on the same rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from jinsu.errors import GateFailedError
from jinsu.evaluation.report import decode, fold, folded_share, judge
from jinsu.installation import Platform
from jinsu.packaging.inputs import feature_columns, model_input
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.sdk.columns import Columns, read_columns
from jinsu.spec.model import CLASSIFICATION, ModelSpec
from jinsu.state.tables import Candidate
from jinsu.steps.inline import inline
from jinsu.steps.spec import run_key


def run(platform: Platform, submission: str) -> dict[str, Any]:
    """Scores and judges. Raises GateFailedError with every reason; the report is kept either way."""
    row, spec = platform.submission(submission)
    with platform.task(submission, "evaluate") as output:
        package = str(platform.output(submission, "package")["run_key"])
        split = str(platform.output(submission, "validate_data")["run_key"])
        version, champion = champion_package(platform, spec.name)
        rules = {"evaluate": spec.evaluate.model_dump(mode="json"), "data": spec.data.model_dump(mode="json")}
        key = run_key(
            "evaluate", rules, {"package": package, "split": split, "champion": champion or ""}, "", "jinsu-2"
        )

        def work(out: Path) -> None:
            document = _judge(
                spec,
                platform.step(split) / "out" / "eval.parquet",
                platform.step(package) / "out",
                platform.step(champion) / "out" if champion else None,
            )
            (out / "report.json").write_text(json.dumps(document), encoding="utf-8")

        report = json.loads((inline(platform.objects, key, work) / "report.json").read_text(encoding="utf-8"))
        output.update(
            run_key=key,
            champion=version,
            metric=report["metric"],
            overall=report["overall"],
            gain=report["gain"],
            rows=report["overall"]["rows"],
        )
        platform.note(submission, "evaluate", "", output=dict(output))
        if row.mlflow_run:
            platform.mlflow.log(row.mlflow_run, _as_metrics(report))
        if report["reasons"]:
            raise GateFailedError("; ".join(report["reasons"]) + ". See the evaluation in the run's report.")
    return dict(output)


def champion_package(platform: Platform, model: str) -> tuple[str | None, str | None]:
    """Version and package (run key) of what serves now, or two None."""
    version = platform.mlflow.aliases(model).get("champion")
    if version is None:
        return None, None
    with platform.database.begin() as session:
        uri = session.scalar(
            select(Candidate.package_uri).where(Candidate.model == model, Candidate.version == version)
        )
    return (version, uri) if uri else (None, None)


def _judge(spec: ModelSpec, rows: Path, package: Path, champion: Path | None) -> dict[str, Any]:
    columns = read_columns(rows)
    target, classes = columns[spec.data.target], spec.evaluate.metric in CLASSIFICATION
    guess, manifest = _answers(spec, columns, package)
    truth = fold(target, manifest.labels, manifest.other) if classes else target.astype(float)
    theirs: Any = None
    note = ""
    if champion is not None:
        try:
            theirs, _ = _answers(spec, columns, champion)
            # Both are held to the candidate's classes: what it folds, the champion's answers are folded to as well.
            theirs = fold(theirs, manifest.labels, manifest.other) if classes else theirs
        except GateFailedError as problem:
            # A champion of another shape cannot answer these rows. The reviewer must know; it is not the candidate's fault.
            note = f"the champion could not answer the same rows: {problem}"
    folded = folded_share(target, manifest.labels, manifest.other) if classes else 0.0
    report = judge(spec.evaluate, truth, guess, columns, theirs, folded)
    return {**asdict(report), "note": note}


def _answers(spec: ModelSpec, columns: Columns, folder: Path) -> tuple[Any, Manifest]:
    """What the model in `folder` says of the rows."""
    model = OnnxModel(folder, threads=2)
    features = feature_columns(list(columns), spec.data.features, spec.data.target)
    outputs = model.run_all(model_input(columns, features, model.manifest.input))
    return decode(outputs, spec.evaluate.metric, model.manifest.labels), model.manifest


def _as_metrics(report: dict[str, Any]) -> list[dict[str, Any]]:
    import time

    overall = report["overall"]
    values = {
        f"eval_{report['metric']}": overall["value"],
        f"eval_{report['metric']}_low": overall["low"],
        f"eval_{report['metric']}_high": overall["high"],
    }
    values.update({f"eval_{name}": score["value"] for name, score in report["others"].items()})
    if report["gain"]:
        values["eval_gain_over_champion"] = report["gain"]["value"]
    now = round(time.time(), 3)
    return [{"name": name, "value": value, "step": 0, "time": now} for name, value in values.items()]
