"""From answers to a verdict: overall, by slice, and against the champion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.metrics import METRICS, difference, score
from jinsu.evaluation.score import Score
from jinsu.spec.model import CLASSIFICATION, Evaluate

MAX_SLICES = 20


@dataclass(frozen=True)
class Report:
    """What the evaluation found.

    others: the kind's other metrics, by name. slices: scores by column and value. champion, gain: the champion's score on
    the same rows, and how much better the candidate is; None when there is no champion, or when it could not answer
    (`note` says why). confusion: counts, rows are the truth. folded: share of rows in the model's `other` label.
    reasons: one sentence for each rule that the candidate breaks; empty when it passed.
    """

    metric: str
    overall: Score
    others: Mapping[str, Score]
    slices: Mapping[str, Mapping[str, Score]]
    champion: Score | None
    gain: Score | None
    confusion: Sequence[Sequence[int]] = ()
    labels: Sequence[Any] = ()
    reasons: Sequence[str] = field(default_factory=tuple)
    folded: float = 0.0
    note: str = ""

    @property
    def passed(self) -> bool:
        return not self.reasons


def decode(outputs: np.ndarray, metric: str, labels: Sequence[Any] | None) -> np.ndarray:
    """Answers of a model as values comparable with the target: the label of the largest score as text, or the number.

    Raises GateFailedError for answers of the wrong shape, and for scores that are not finite: the largest of them would
    be the first class, and look like an answer.
    """
    if outputs.ndim > 2 or (metric not in CLASSIFICATION and outputs.size != len(outputs)):
        wanted = "a score for each class" if metric in CLASSIFICATION else "one number"
        raise GateFailedError(f"output: its shape is {outputs.shape}; {metric} needs {wanted} a row.")
    if metric not in CLASSIFICATION:
        return outputs.reshape(len(outputs)).astype(float)
    if bad := int(np.sum(~np.isfinite(outputs.astype(float)).reshape(len(outputs), -1).all(axis=1))):
        raise GateFailedError(f"output: {bad} of {len(outputs)} held-out rows got scores that are not finite.")
    single = outputs.ndim == 1 or outputs.shape[1] == 1
    best = (outputs.reshape(len(outputs)) > 0).astype(int) if single else outputs.argmax(axis=1)
    if labels is not None and best.max(initial=0) >= len(labels):
        raise GateFailedError(f"output: has more scores than the {len(labels)} labels that were saved with the model.")
    return best.astype(str) if labels is None else labels_as_text(labels)[best]


def as_text(values: np.ndarray) -> np.ndarray:
    """Class values as text, the same for 1, 1.0 and True: the type of the column is not part of the class."""
    if values.ndim != 1:
        raise GateFailedError(f"a column of shape {values.shape} cannot hold classes; name one with a value a row.")
    if values.dtype.kind == "b" or (values.dtype.kind == "f" and np.all(values == np.floor(values))):
        values = values.astype(np.int64)
    return values.astype(str)


def labels_as_text(labels: Sequence[Any]) -> np.ndarray:
    """Saved labels in the same words as the classes of a column."""
    return np.asarray([str(as_text(np.asarray([label]))[0]) for label in labels])


def fold(values: np.ndarray, labels: Sequence[Any] | None, other: Any) -> np.ndarray:
    """Class values as text; those that the model has no label for become its `other` label, if it has one."""
    texts = as_text(values)
    if labels is None or other is None:
        return texts
    known, rest = set(labels_as_text(labels).tolist()), str(labels_as_text([other])[0])
    return np.asarray([text if text in known else rest for text in texts.tolist()])


def folded_share(target: np.ndarray, labels: Sequence[Any] | None, other: Any) -> float:
    """Share of rows whose class the model gave up telling apart."""
    if labels is None or other is None:
        return 0.0
    real = set(labels_as_text(labels).tolist()) - set(labels_as_text([other]).tolist())
    return float(np.mean([text not in real for text in as_text(target).tolist()]))


def judge(
    rules: Evaluate,
    truth: np.ndarray,
    guess: np.ndarray,
    columns: Mapping[str, np.ndarray],
    champion: np.ndarray | None,
    folded: float = 0.0,
) -> Report:
    """The verdict on held-out rows. `champion` holds the champion's answers to the same rows, if there is one.

    `folded` is the share of rows in the model's `other` class: a model that gives up every class scores perfectly, so
    the share is a gate of its own.
    """
    shown_truth, shown_guess = truth, guess
    if rules.metric in CLASSIFICATION:
        # Numbers instead of texts: the bootstrap compares them five hundred times.
        truth, guess, champion = _coded(truth, guess, champion)
    overall = score(rules.metric, truth, guess)
    kind = CLASSIFICATION if rules.metric in CLASSIFICATION else tuple(set(METRICS) - set(CLASSIFICATION))
    others = {name: score(name, truth, guess) for name in kind if name != rules.metric}
    slices = {column: _by_slice(rules.metric, truth, guess, columns[column]) for column in rules.slices}
    theirs = None if champion is None else score(rules.metric, truth, champion)
    gain = None if champion is None else difference(rules.metric, truth, guess, champion, rules.maximize)
    confusion, labels = _confusion(shown_truth, shown_guess) if rules.metric in CLASSIFICATION else ((), ())
    reasons = tuple(_reasons(rules, overall, gain, folded))
    return Report(rules.metric, overall, others, slices, theirs, gain, confusion, labels, reasons, folded)


def _coded(
    truth: np.ndarray, guess: np.ndarray, champion: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    parts = [truth.astype(str), guess.astype(str), *([] if champion is None else [champion.astype(str)])]
    codes = np.split(np.unique(np.concatenate(parts), return_inverse=True)[1], len(parts))
    return codes[0], codes[1], codes[2] if champion is not None else None


def _by_slice(metric: str, truth: np.ndarray, guess: np.ndarray, column: np.ndarray) -> dict[str, Score]:
    text = as_text(column)
    values, counts = np.unique(text, return_counts=True)
    largest = values[np.argsort(-counts, kind="stable")][:MAX_SLICES]
    return {str(value): score(metric, truth[text == value], guess[text == value]) for value in largest}


def _confusion(truth: np.ndarray, guess: np.ndarray) -> tuple[Sequence[Sequence[int]], Sequence[Any]]:
    values, counts = np.unique(truth.astype(str), return_counts=True)
    shown = sorted(values[np.argsort(-counts, kind="stable")][:MAX_SLICES].tolist(), key=_natural)
    place = {value: index for index, value in enumerate(shown)}
    matrix = np.zeros((len(shown), len(shown)), dtype=int)
    for true, said in zip(truth.astype(str).tolist(), guess.astype(str).tolist(), strict=True):
        if true in place and said in place:
            matrix[place[true], place[said]] += 1
    return matrix.tolist(), shown


def _natural(text: str) -> tuple[int, float, str]:
    number = re.fullmatch(r"-?[0-9]+", text)
    return (0, float(text), text) if number else (1, 0.0, text)


def _reasons(rules: Evaluate, overall: Score, gain: Score | None, folded: float) -> list[str]:
    found = []
    if folded > rules.max_folded:
        found.append(
            f"the model gives up the class of {folded:.1%} of the rows, evaluate.max_folded allows {rules.max_folded:.0%}"
        )
    if rules.min is not None and not overall.value >= rules.min:
        found.append(f"{rules.metric} is {overall.value:.4f}, evaluate.min asks for {rules.min:g}")
    if rules.max is not None and not overall.value <= rules.max:
        found.append(f"{rules.metric} is {overall.value:.4f}, evaluate.max allows {rules.max:g}")
    if rules.vs_champion is not None and gain is not None and not gain.value >= rules.vs_champion:
        found.append(
            f"{rules.metric} differs from the champion's by {gain.value:+.4f}, "
            f"evaluate.vs_champion asks for >= {rules.vs_champion:g}"
        )
    if not np.isfinite(overall.value):
        found.append(f"{rules.metric} is {overall.value}, which is no number")
    return found
