"""The program EVALUATE: a packaged model on held-out rows, beside the champion on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.errors import GateFailedError
from jinsu.evaluation.quantized import beside_original
from jinsu.evaluation.report import Report, answering, fold, folded_share, judge
from jinsu.evaluation.report import decode as decode_outputs
from jinsu.packaging.inputs import feature_columns, model_inputs
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.sdk.columns import Columns, read_columns
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.problem import CLASSIFICATION


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Evaluate, document)
    columns = read_columns(files.inputs / tasks.ROWS)
    champion = files.inputs / tasks.CHAMPION if details.champion else None
    report = compare(details, columns, files.inputs / tasks.MODEL, champion)
    if details.quantization_loss is not None:
        report = _beside_original(details, columns, report, files)
    write_findings(files.out, report)


def _beside_original(details: tasks.Evaluate, columns: Columns, report: Report, files: StepFiles) -> Report:
    """The report of a quantised model with what quantisation costs."""
    original = files.inputs / tasks.ORIGINAL
    beside = compare(details, columns, files.inputs / tasks.MODEL, original)
    if beside.champion is None or beside.gain is None:
        raise GateFailedError(beside.note)
    assert details.quantization_loss is not None
    return beside_original(report, beside.champion, beside.gain, details.quantization_loss)


def compare(details: tasks.Evaluate, columns: Columns, package: Path, champion: Path | None) -> Report:
    """The report on the model in the folder `package`, beside the champion's on the same rows.

    A champion of another shape cannot answer these rows. That is not the candidate's fault, so the report's note says it.
    """
    target, classes = columns[details.target], details.judging.metric in CLASSIFICATION
    guess, labels, other = _answers(details, columns, package)
    truth = fold(target, labels, other) if classes else target.astype(float)
    theirs: Any = None
    note = ""
    if champion is not None:
        try:
            theirs, _, _ = _answers(details, columns, champion)
            # Both are held to the candidate's classes: what it folds, the champion's answers are folded to as well.
            theirs = fold(theirs, labels, other) if classes else theirs
        except GateFailedError as problem:
            note = f"the champion could not answer the same rows: {problem}"
    folded = folded_share(target, labels, other) if classes else 0.0
    return replace(judge(details.judging, truth, guess, columns, theirs, folded), note=note)


def _answers(details: tasks.Evaluate, columns: Columns, folder: Path) -> tuple[Any, tuple[Any, ...] | None, Any]:
    """What the model in `folder` answers to the rows, one value a row; its labels, and its `other` label."""
    model = OnnxModel(folder, threads=2)
    features = feature_columns(list(columns), details.features, details.target, details.column)
    answers = model.run_all(model_inputs(columns, features, model.manifest.inputs))
    place = answering([output.kind for output in model.manifest.outputs], details.judging.metric)
    output = model.manifest.outputs[place]
    decoded = decode_outputs(answers[place], details.judging.metric, output.labels, output.kind)
    return decoded, output.labels, model.manifest.other
