"""Metrics of rows that have any number of labels. Definitions are scikit-learn's.

truth, answers: whether a row has each label, shape (rows, labels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, Shares, mean_of, ratio_of, share_of
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, answering, finite
from jinsu.evaluation.labels import labels_as_text
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import Judging

FITTING = (OutputKind.PROBABILITIES, OutputKind.LOGITS, OutputKind.SCORES)
NEEDS = "probabilities or logits or scores, one for each label"


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """The labels of each row. A label counts as answered from a probability of one half on, or from a logit of 0 on."""
    output = answering(answers.outputs, FITTING, NEEDS, held.judging)
    if output.values.ndim != 2:
        raise GateFailedError(f"output: its shape is {output.values.shape}; {held.judging.metric} needs {NEEDS}.")
    finite(output.values, "scores")
    truth = _truth(held.target, output.labels, output.values.shape[1])
    probable = output.kind is OutputKind.PROBABILITIES or (
        output.kind is OutputKind.SCORES and output.values.min(initial=0) >= 0 and output.values.max(initial=0) <= 1
    )
    return Case(truth, output.values >= (0.5 if probable else 0.0), output.values)


def _truth(target: np.ndarray, labels: Sequence[Any] | None, width: int) -> np.ndarray:
    if target.ndim == 2:
        if target.shape[1] != width:
            raise GateFailedError(f"output: has {width} scores a row, and the target {target.shape[1]} labels.")
        marks: np.ndarray = target.astype(float) > 0
        return marks
    if labels is None:
        raise GateFailedError("output: save the model with labels=…; the target lists labels by name.")
    place = {text: number for number, text in enumerate(labels_as_text(labels).tolist())}
    truth = np.zeros((len(target), width), dtype=bool)
    unknown: set[str] = set()
    for row, value in enumerate(target.tolist()):
        listed = value.tolist() if isinstance(value, np.ndarray) else value if isinstance(value, list) else [value]
        for text in map(str, listed if value is not None else []):
            if text in place:
                truth[row, place[text]] = True
            else:
                unknown.add(text)
    if unknown:
        raise GateFailedError(f"output: the model has no label {sorted(unknown)[0]!r}, which held-out rows have.")
    return truth


def f1_macro(case: Case) -> Estimate:
    """Mean F1 of the labels; of a label that neither truth nor answers have it is 0."""
    return _f1(case, np.full(case.truth.shape[1], 1 / case.truth.shape[1]))


def f1_weighted(case: Case) -> Estimate:
    """Mean F1 of the labels, each weighted by how many rows have it; NaN where no row has a label."""
    total = float(case.truth.sum())
    if not total:
        return ratio_of(np.zeros(len(case.truth)), np.zeros(len(case.truth)))
    weights = case.truth.sum(axis=0) / total
    estimate = _f1(case, weights)
    scores = _scores(case)
    moved = (case.truth @ scores - case.truth.sum(axis=1) * estimate.value) * len(case.truth) / total
    return replace(estimate, influence=estimate.influence + moved)


def _scores(case: Case) -> np.ndarray:
    both = case.truth.sum(axis=0) + case.answers.sum(axis=0)
    hits = (case.truth & case.answers).sum(axis=0)
    scores: np.ndarray = np.divide(2.0 * hits, both, out=np.zeros(len(both)), where=both > 0)
    return scores


def _f1(case: Case, weights: np.ndarray) -> Estimate:
    hits = (case.truth & case.answers).astype(float)
    both = case.truth.astype(float) + case.answers
    total, scores = both.sum(axis=0), _scores(case)
    each = np.divide(weights * len(case.truth), total, out=np.zeros(len(total)), where=total > 0)
    influence = (2 * hits - both * scores) @ each
    shares = Shares(hits.sum(axis=0), total - hits.sum(axis=0), weights, harmonic=True)
    return Estimate(float(np.sum(weights * scores)), influence, shares=shares, low=0.0, high=1.0)


def f1_micro(case: Case) -> Estimate:
    """F1 of all labels of all rows together; NaN where neither truth nor answers have a label."""
    hits, both = 2.0 * (case.truth & case.answers).sum(axis=1), case.truth.sum(axis=1) + case.answers.sum(axis=1)
    return replace(ratio_of(hits, both.astype(float), low=0.0), high=1.0)


def f1_samples(case: Case) -> Estimate:
    """Mean over the rows of the F1 of a row's labels; of a row that has none and is answered none it is 0."""
    hits, both = 2.0 * (case.truth & case.answers).sum(axis=1), case.truth.sum(axis=1) + case.answers.sum(axis=1)
    return mean_of(np.divide(hits, both, out=np.zeros(len(hits)), where=both > 0), low=0.0, high=1.0)


def subset_accuracy(case: Case) -> Estimate:
    """Share of rows of which every label is right."""
    return share_of((case.truth == case.answers).all(axis=1))


def hamming_loss(case: Case) -> Estimate:
    """Share of labels that are wrong."""
    return mean_of((case.truth != case.answers).mean(axis=1), low=0.0, high=1.0)


METRICS: dict[str, Metric] = {
    "f1_macro": f1_macro,
    "f1_weighted": f1_weighted,
    "f1_micro": f1_micro,
    "f1_samples": f1_samples,
    "subset_accuracy": subset_accuracy,
    "hamming_loss": hamming_loss,
}


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name."""
    return METRICS[name]


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    return list(METRICS)


def errors(case: Case) -> np.ndarray:
    """How many labels of each row are wrong."""
    wrong: np.ndarray = (case.truth != case.answers).sum(axis=1).astype(float)
    return wrong


def constant(case: Case, metric: str) -> Case:
    """The model that answers every row the labels that most rows have."""
    return replace(case, answers=np.broadcast_to(case.truth.mean(axis=0) >= 0.5, case.truth.shape), scores=None)


MULTILABEL = JudgedKind(FITTING, NEEDS, read, metric_of, beside, errors, constant)
