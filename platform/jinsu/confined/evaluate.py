"""The program EVALUATE: a packaged model on held-out rows, beside the champion on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.confined.scorer import scored
from jinsu.confined.scorer_program import Rows
from jinsu.data.known import fresh_rows
from jinsu.data.tables import open_parquet
from jinsu.errors import GateFailedError
from jinsu.evaluation.audit import Seen
from jinsu.evaluation.kinds.kind import Answers, Held, Output, finite
from jinsu.evaluation.labels import folded_share, groups_of
from jinsu.evaluation.quantized import beside_original
from jinsu.evaluation.registry import KINDS
from jinsu.evaluation.report import Report, judge
from jinsu.inference.remote_model import opened
from jinsu.packaging.arrays import joined
from jinsu.packaging.inputs import feature_columns, model_inputs, refused_rows
from jinsu.packaging.manifest import Input as ModelInput
from jinsu.packaging.manifest import Manifest
from jinsu.sdk.columns import ColumnFile, parts_of, rows_at
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.metrics import Kind


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Evaluate, document)
    columns = ColumnFile(files.inputs / tasks.ROWS)
    champion = files.inputs / tasks.CHAMPION if details.champion else None
    report = compare(details, columns, files.inputs / tasks.MODEL, champion, _fresh(details, files))
    if details.quantization_loss is not None:
        report = _beside_original(details, columns, report, files)
    write_findings(files.out, report)


def _fresh(details: tasks.Evaluate, files: StepFiles) -> np.ndarray | None:
    """Of each held-out row, whether the champion did not train on it; None where it trained on none."""
    if not details.trained:
        return None
    held, trained = open_parquet(files.inputs / tasks.ROWS), open_parquet(files.inputs / tasks.TRAINED)
    return fresh_rows(held, trained, [name for name in held.column_names if name != details.column])


def _beside_original(details: tasks.Evaluate, columns: Mapping[str, np.ndarray], report: Report, files: StepFiles) -> Report:
    """The report of a quantised model with what quantisation costs."""
    original = files.inputs / tasks.ORIGINAL
    beside = compare(details, columns, files.inputs / tasks.MODEL, original)
    if beside.champion is None or beside.gain is None:
        raise GateFailedError(beside.note)
    assert details.quantization_loss is not None
    return beside_original(report, beside.champion, beside.gain, details.quantization_loss)


def compare(
    details: tasks.Evaluate,
    columns: Mapping[str, np.ndarray],
    package: Path,
    champion: Path | None,
    fresh: np.ndarray | None = None,
) -> Report:
    """The report on the model in the folder `package`, beside the champion's on the same rows.

    columns: of the held-out rows; those that models read are read a part at a time where they are in a file. fresh: of each row,
    whether the champion did not train on it; the others are not compared.
    A champion of another shape cannot answer these rows. That is not the candidate's fault, so the report's note says it.
    """
    held = Held(details.judging, columns[details.target], columns)
    kind = KINDS[details.judging.judged_as]
    answers = _answers(details, columns, package, held, details.gpu)
    ours = kind.read(held, answers, None)
    theirs, note = None, details.note
    if champion is not None:
        try:
            theirs = kind.read(held, _answers(details, columns, champion, held), ours)
        except GateFailedError as problem:
            note = f"the champion could not answer the same rows: {problem}"
    together = [columns[name] for name in details.together if name in columns]
    groups = groups_of(*together) if together else kind.groups(held)
    folded = 0.0
    if details.judging.judged_as is Kind.CLASSIFICATION:
        folded = folded_share(held.target, answers.outputs[0].labels, answers.other)
    features = feature_columns(list(columns), details.features, details.target, details.column)
    inputs = Manifest.read(package).inputs
    report = judge(held, ours, theirs, groups, folded, note, partial(_seen, columns, features, inputs), fresh)
    refused = refused_rows(partial(parts_of, columns), features, inputs)
    return replace(report, warnings=(*report.warnings, *refused))


def _seen(
    columns: Mapping[str, np.ndarray], features: Sequence[str], inputs: Sequence[ModelInput], rows: Sequence[int]
) -> Seen:
    """What a model with these inputs reads of the rows with these numbers."""
    if not rows:
        return Seen()
    part = rows_at(columns, features, rows)
    arrays = zip(inputs, model_inputs(part, features, inputs), strict=True)
    return Seen(part, {one.name: values for one, values in arrays if values.ndim >= 3})


def _answers(
    details: tasks.Evaluate, columns: Mapping[str, np.ndarray], folder: Path, held: Held, gpu: int = 0
) -> Answers:
    """What the model in `folder` answers to the rows, with what a scorer says of the answers.

    gpu: how many GPUs it may use.
    """
    features = feature_columns(list(columns), details.features, details.target, details.column)
    with opened(folder, threads=2, gpu=gpu) as model:
        manifest = model.manifest
        parts = parts_of(columns, features)
        arrays = joined([model.run_all(model_inputs(part, features, manifest.inputs)) for part in parts])
    outputs = [
        Output(values, output.kind, output.labels, output.quantiles)
        for values, output in zip(arrays, manifest.outputs, strict=True)
    ]
    scores = _scored(details, held, {one.name: output for one, output in zip(manifest.outputs, outputs, strict=True)})
    return Answers(outputs, manifest.other, scores)


def _scored(details: tasks.Evaluate, held: Held, outputs: Mapping[str, Output]) -> Mapping[str, np.ndarray]:
    """What the problem's own scorer says of the answers; nothing where the problem has none."""
    rules = details.judging
    if rules.judged_as is not Kind.CUSTOM:
        return {}
    if details.scorer is None or rules.scorer is None:
        raise GateFailedError("problem: scorer: its text is missing; put the problem again.")
    for name, output in outputs.items():
        if output.values.dtype.kind == "f":
            finite(output.values, f"answers in {name!r}")
    return scored(details.scorer, rules.scorer, Rows(held.target, outputs, dict(held.columns)))
