"""Reads a classifier's outputs: the answered class of each row, and the probability of every class where there are some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case
from jinsu.evaluation.kinds.kind import Answers, Held, Output, answering, finite
from jinsu.evaluation.labels import as_text, codes_of, fold, labels_as_text
from jinsu.sdk.outputs import OutputKind

SCORED = (OutputKind.SCORES, OutputKind.LOGITS, OutputKind.PROBABILITIES)
FITTING = (*SCORED, OutputKind.LABEL)
NEEDS = "scores or logits or probabilities or label"
MOST_SCORES = 1 << 28
"""How many probabilities are looked at; beyond, only the metrics that labels suffice for are reported beside the problem's."""


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """The case of a classifier. The champion is held to the candidate's classes: what it folds, the champion's fold to."""
    output = answering(answers.outputs, FITTING, NEEDS, held.judging)
    scored = next((one for one in answers.outputs if one.kind in SCORED), None)
    texts = decode(output)
    if candidate is None:
        labels = _labels(scored or output)
        classes = [] if labels is None else _unique(labels)
        truth = codes_of(fold(held.target, output.labels, answers.other), classes)
    else:
        classes, truth = list(candidate.classes), candidate.truth
        labelled = set(candidate.classes)
        other = candidate.columns.get("other")
        if other is not None:
            texts = np.asarray([text if text in labelled else str(other[0]) for text in texts.tolist()])
    places = codes_of(texts, classes)
    scores = None if scored is None else _scores(scored, classes)
    columns = {} if answers.other is None else {"other": np.full(len(truth), str(labels_as_text([answers.other])[0]))}
    return Case(truth, places, scores, classes, columns=columns)


def decode(output: Output) -> np.ndarray:
    """The class of each row as text: the label of the largest score, or the label that the model answers.

    Raises GateFailedError for outputs of the wrong shape, and for scores that are not finite: numpy takes NaN for the
    largest, so the first class would look like an answer.
    """
    values, labels = output.values, output.labels
    if values.ndim > 2:
        raise GateFailedError(f"output: its shape is {values.shape}; a class needs a score for each class a row.")
    if output.kind is OutputKind.LABEL:
        return _label_texts(values, labels)
    finite(values, "scores")
    best = (values.reshape(len(values)) > _border(output)).astype(int) if _single(values) else values.argmax(axis=1)
    if labels is not None and best.max(initial=0) >= len(labels):
        raise GateFailedError(f"output: has more scores than the {len(labels)} labels that were saved with the model.")
    texts: np.ndarray = best.astype(str) if labels is None else labels_as_text(labels)[best]
    return texts


def _single(values: np.ndarray) -> bool:
    return values.ndim == 1 or values.shape[1] == 1


def _border(output: Output) -> float:
    return 0.5 if output.kind is OutputKind.PROBABILITIES else 0.0


def _labels(output: Output) -> list[str] | None:
    """The class of each score as text, or of the labels that a model answers."""
    if output.labels is not None:
        texts: list[str] = labels_as_text(output.labels).tolist()
        return texts
    if output.kind is OutputKind.LABEL:
        return None
    return [str(place) for place in range(2 if _single(output.values) else output.values.shape[1])]


def _unique(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _label_texts(values: np.ndarray, labels: Sequence[Any] | None) -> np.ndarray:
    """Answers that are classes themselves, one a row: whole numbers are places among the labels, if there are some."""
    if values.size != len(values):
        raise GateFailedError(f"output: its shape is {values.shape}; a label is one value a row.")
    answers = values.reshape(len(values))
    if labels is None or answers.dtype.kind not in "iu":
        return as_text(answers)
    if answers.min(initial=0) < 0 or answers.max(initial=0) >= len(labels):
        raise GateFailedError(f"output: names places outside the {len(labels)} labels that were saved with the model.")
    texts: np.ndarray = labels_as_text(labels)[answers]
    return texts


def _scores(output: Output, classes: list[str]) -> np.ndarray | None:
    """The probability of each class, shape (rows, classes); a class that the model does not know has none.

    Scores that are no distribution are taken for logits. None where there are too many to look at.
    """
    values = output.values
    if values.size > MOST_SCORES:
        return None
    labels = _labels(output)
    assert labels is not None
    values = values.reshape(len(values), -1).astype(np.float64)
    if _single(values) and len(labels) == 2:
        values = values if _border(output) else 1 / (1 + np.exp(-np.clip(values, -700, 700)))
        values = np.clip(np.concatenate([1 - values, values], axis=1), 0, 1)
    elif output.kind is OutputKind.PROBABILITIES or (output.kind is OutputKind.SCORES and _distribution(values)):
        values = np.clip(values, 0, None)
        values = values / np.maximum(values.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    else:
        values = np.exp(values - values.max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)
    place = {text: number for number, text in enumerate(classes)}
    columns = [place.get(label) for label in labels[: values.shape[1]]]
    if columns == list(range(len(classes))):
        return np.asarray(values)
    spread = np.zeros((len(values), len(classes)))
    for source, column in enumerate(columns):
        if column is not None:  # a class of the champion alone that no row has
            spread[:, column] += values[:, source]
    return spread


def _distribution(values: np.ndarray) -> bool:
    return bool(values.min(initial=0) >= 0 and np.allclose(values.sum(axis=1), 1, atol=1e-3))
