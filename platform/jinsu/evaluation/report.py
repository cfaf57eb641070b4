"""From a model's answers to a verdict: overall, by slice, and against the champion. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.metrics import difference, score
from jinsu.evaluation.quantized import Original
from jinsu.evaluation.score import Score
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import CLASSIFICATION, REGRESSION, Judging

MAX_SLICES = 20


@dataclass(frozen=True)
class Report:
    """The scores of a candidate on the held-out rows, and the rules that it breaks.

    others: the other metrics of the same kind, by name. slices: scores by column and value. champion, gain: the
    champion's score on the same rows, and how much better the candidate is; None when there is no champion, or when the
    champion could not answer (`note` says why). confusion: counts of rows; the first axis is the truth, the second the
    answer, both in the order of `labels`. folded: share of rows in the model's `other` label. reasons: one sentence for
    each rule that the candidate breaks; empty when it passed. original: the model before it was quantised; None when it
    was not.
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
    original: Original | None = None

    @property
    def passed(self) -> bool:
        return not self.reasons


_OF_CLASSES = (OutputKind.SCORES, OutputKind.LOGITS, OutputKind.PROBABILITIES, OutputKind.LABEL)
_OF_NUMBERS = (OutputKind.VALUE, OutputKind.SCORES, OutputKind.PROBABILITIES)


def answering(kinds: Sequence[OutputKind], metric: str) -> int:
    """The place of the first output that can answer a problem with this metric. Raises GateFailedError when none can."""
    fitting = _OF_CLASSES if metric in CLASSIFICATION else _OF_NUMBERS
    for place, kind in enumerate(kinds):
        if kind in fitting:
            return place
    raise GateFailedError(
        f"the model answers {', '.join(kinds)}; {metric} needs {' or '.join(fitting)}; say what the outputs are with "
        "jinsu.save(outputs=…)."
    )


def decode(
    outputs: np.ndarray, metric: str, labels: Sequence[Any] | None, kind: OutputKind = OutputKind.SCORES
) -> np.ndarray:
    """The model's outputs, one a row, as answers comparable with the target, shape (rows,).

    For a metric of classes the answer is the label of the largest score, as text; else it is the number. Raises
    GateFailedError for outputs of the wrong shape, and for scores that are not finite: numpy takes NaN for the largest,
    so the first class would look like an answer.
    """
    if outputs.ndim > 2 or (metric not in CLASSIFICATION and outputs.size != len(outputs)):
        shape = "a score for each class" if metric in CLASSIFICATION else "one number"
        raise GateFailedError(f"output: its shape is {outputs.shape}; {metric} needs {shape} a row.")
    if metric not in CLASSIFICATION:
        return outputs.reshape(len(outputs)).astype(float)
    if kind is OutputKind.LABEL:
        return _label_texts(outputs, labels)
    if bad := int(np.sum(~np.isfinite(outputs.astype(float)).reshape(len(outputs), -1).all(axis=1))):
        raise GateFailedError(f"output: {bad} of {len(outputs)} held-out rows got scores that are not finite.")
    single = outputs.ndim == 1 or outputs.shape[1] == 1
    border = 0.5 if kind is OutputKind.PROBABILITIES else 0.0
    best = (outputs.reshape(len(outputs)) > border).astype(int) if single else outputs.argmax(axis=1)
    if labels is not None and best.max(initial=0) >= len(labels):
        raise GateFailedError(f"output: has more scores than the {len(labels)} labels that were saved with the model.")
    return best.astype(str) if labels is None else labels_as_text(labels)[best]


def _label_texts(outputs: np.ndarray, labels: Sequence[Any] | None) -> np.ndarray:
    """Answers that are classes themselves, one a row, as text: whole numbers are places among the labels, if there are some."""
    if outputs.size != len(outputs):
        raise GateFailedError(f"output: its shape is {outputs.shape}; a label is one value a row.")
    answers = outputs.reshape(len(outputs))
    if labels is None or answers.dtype.kind not in "iu":
        return as_text(answers)
    if answers.min(initial=0) < 0 or answers.max(initial=0) >= len(labels):
        raise GateFailedError(f"output: names places outside the {len(labels)} labels that were saved with the model.")
    texts: np.ndarray = labels_as_text(labels)[answers]
    return texts


def as_text(values: np.ndarray) -> np.ndarray:
    """Class values as text, the same for 1, 1.0 and True: the type of the column is not part of the class.

    Raises GateFailedError for an array of more than one axis.
    """
    if values.ndim != 1:
        raise GateFailedError(f"a column of shape {values.shape} cannot hold classes; name one with a value a row.")
    if values.dtype.kind == "b" or (values.dtype.kind == "f" and np.all(values == np.floor(values))):
        values = values.astype(np.int64)
    return values.astype(str)


def labels_as_text(labels: Sequence[Any]) -> np.ndarray:
    """Saved labels as text, in the form that `as_text` gives the classes of a column."""
    return np.asarray([str(as_text(np.asarray([label]))[0]) for label in labels])


def fold(values: np.ndarray, labels: Sequence[Any] | None, other: Any) -> np.ndarray:
    """Class values as text; a class without a label of the model becomes the model's `other` label, if there is one."""
    texts = as_text(values)
    if labels is None or other is None:
        return texts
    labelled, other_text = set(labels_as_text(labels).tolist()), str(labels_as_text([other])[0])
    return np.asarray([text if text in labelled else other_text for text in texts.tolist()])


def folded_share(target: np.ndarray, labels: Sequence[Any] | None, other: Any) -> float:
    """Share of rows whose class has no label of its own in the model, so that it counts as `other`."""
    if labels is None or other is None:
        return 0.0
    labelled = set(labels_as_text(labels).tolist()) - set(labels_as_text([other]).tolist())
    return float(np.mean([text not in labelled for text in as_text(target).tolist()]))


def judge(
    rules: Judging,
    truth: np.ndarray,
    answers: np.ndarray,
    columns: Mapping[str, np.ndarray],
    champion: np.ndarray | None,
    folded: float = 0.0,
) -> Report:
    """The verdict on held-out rows.

    truth, answers: one value a row. columns: the columns that `rules.slices` names. champion: the champion's answers to
    the same rows, if there is one. folded: the share of rows in the model's `other` class; a model that puts every row
    into that class scores perfectly, so the share is a gate of its own.
    """
    truth_values, answer_values = truth, answers
    if rules.metric in CLASSIFICATION:
        # Numbers instead of texts: the bootstrap compares them five hundred times.
        truth, answers, champion = _coded(truth, answers, champion)
    overall = score(rules.metric, truth, answers)
    kind = CLASSIFICATION if rules.metric in CLASSIFICATION else REGRESSION
    others = {name: score(name, truth, answers) for name in kind if name != rules.metric}
    slices = {column: _by_slice(rules.metric, truth, answers, columns[column]) for column in rules.slices}
    champion_score = None if champion is None else score(rules.metric, truth, champion)
    gain = None if champion is None else difference(rules.metric, truth, answers, champion, rules.maximize)
    confusion, labels = _confusion(truth_values, answer_values) if rules.metric in CLASSIFICATION else ((), ())
    reasons = tuple(_reasons(rules, overall, others, gain, folded))
    return Report(rules.metric, overall, others, slices, champion_score, gain, confusion, labels, reasons, folded)


def _coded(
    truth: np.ndarray, answers: np.ndarray, champion: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The same classes as small integers, equal where the texts are equal."""
    parts = [truth.astype(str), answers.astype(str), *([] if champion is None else [champion.astype(str)])]
    codes = np.split(np.unique(np.concatenate(parts), return_inverse=True)[1], len(parts))
    return codes[0], codes[1], codes[2] if champion is not None else None


def _by_slice(metric: str, truth: np.ndarray, answers: np.ndarray, column: np.ndarray) -> dict[str, Score]:
    text = as_text(column)
    values, counts = np.unique(text, return_counts=True)
    largest = values[np.argsort(-counts, kind="stable")][:MAX_SLICES]
    return {str(value): score(metric, truth[text == value], answers[text == value]) for value in largest}


def _confusion(truth: np.ndarray, answers: np.ndarray) -> tuple[Sequence[Sequence[int]], Sequence[Any]]:
    """Counts of (truth, answer) among the most frequent classes of the truth, and those classes."""
    values, counts = np.unique(truth.astype(str), return_counts=True)
    labels = sorted(values[np.argsort(-counts, kind="stable")][:MAX_SLICES].tolist(), key=_natural_order)
    index = {label: position for position, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=int)
    for true, answer in zip(truth.astype(str).tolist(), answers.astype(str).tolist(), strict=True):
        if true in index and answer in index:
            matrix[index[true], index[answer]] += 1
    return matrix.tolist(), labels


def _natural_order(text: str) -> tuple[int, float, str]:
    """Sort key: whole numbers by value, then other texts by alphabet."""
    number = re.fullmatch(r"-?[0-9]+", text)
    return (0, float(text), text) if number else (1, 0.0, text)


def _reasons(
    rules: Judging, overall: Score, others: Mapping[str, Score], gain: Score | None, folded: float
) -> list[str]:
    reasons = [
        f"{name} is {others[name].value:.4f}, guardrails.{name} asks for {bound}"
        for name, bound in rules.guardrails.items()
        if not _within(others[name].value, bound)
    ]
    if folded > rules.max_folded:
        reasons.append(
            f"the model gives up the class of {folded:.1%} of the rows, max_folded allows {rules.max_folded:.0%}"
        )
    if rules.min is not None and not overall.value >= rules.min:
        reasons.append(f"{rules.metric} is {overall.value:.4f}, min asks for {rules.min:g}")
    if rules.max is not None and not overall.value <= rules.max:
        reasons.append(f"{rules.metric} is {overall.value:.4f}, max allows {rules.max:g}")
    if rules.vs_champion is not None and gain is not None and not gain.value >= rules.vs_champion:
        reasons.append(
            f"{rules.metric} differs from the champion's by {gain.value:+.4f}, "
            f"vs_champion asks for >= {rules.vs_champion:g}"
        )
    if not np.isfinite(overall.value):
        reasons.append(f"{rules.metric} is {overall.value}, which is no number")
    return reasons


def _within(value: float, bound: str) -> bool:
    """Whether a value keeps a guardrail such as `>= 0.9`; one that is no number does not."""
    sign, _, limit = bound.partition(" ")
    return value >= float(limit) if sign == ">=" else value <= float(limit)
