"""Metrics of classes.

truth, answers: places of classes, whole numbers from 0. scores: the probability of each class, shape (rows, classes).
Definitions are scikit-learn's, except that the calibration error is the debiased one of Kumar, Liang & Ma (2019).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.calibration import calibration_error
from jinsu.evaluation.estimates import Case, Estimate, Metric, Scale, Shares, mean_of, share_of
from jinsu.evaluation.kinds.classes import FITTING, NEEDS, read
from jinsu.evaluation.kinds.kind import JudgedKind
from jinsu.spec.metrics import number_in
from jinsu.spec.problem import Judging

_FLOOR = float(np.finfo(np.float32).eps)
"""The least probability that log loss counts: of a 32-bit number."""
_LEAST = 5
"""Rows of a class below which the spread of its scores cannot be told."""


def accuracy(case: Case) -> Estimate:
    """Share of rows whose answer is the truth."""
    return share_of(case.truth == case.answers)


def balanced_accuracy(case: Case) -> Estimate:
    """Mean recall of the classes that occur."""
    rows, right = len(case.truth), case.truth == case.answers
    totals = np.bincount(case.truth).astype(float)
    hits = np.bincount(case.truth, weights=right, minlength=len(totals))
    occur = totals > 0
    count = int(occur.sum())
    recall = np.divide(hits, totals, out=np.zeros_like(totals), where=occur)
    weight = np.divide(1.0, totals, out=np.zeros_like(totals), where=occur)
    influence = (right - recall[case.truth]) * weight[case.truth] * rows / count
    shares = Shares(hits[occur], totals[occur], np.full(count, 1 / count))
    return Estimate(float(recall[occur].mean()), influence, shares=shares, low=0.0, high=1.0)


def f1_macro(case: Case) -> Estimate:
    """Mean F1 of the classes that occur in the truth or in the answers."""
    hits, true, answered = _counts(case)
    occur = true + answered > 0
    return _f1(case, hits, true, answered, np.where(occur, 1 / occur.sum(), 0.0))


def f1_weighted(case: Case) -> Estimate:
    """Mean F1 of the classes, each weighted by its share of the rows."""
    hits, true, answered = _counts(case)
    estimate = _f1(case, hits, true, answered, true / len(case.truth))
    scores = np.divide(2 * hits, true + answered, out=np.zeros_like(hits), where=true + answered > 0)
    own = scores[case.truth]  # a row moves the weight of its class too
    return Estimate(estimate.value, estimate.influence + own - own.mean(), shares=estimate.shares, low=0.0, high=1.0)


def _counts(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each class: rows that are right, rows that are of it, and rows that are answered with it."""
    classes = int(max(case.truth.max(initial=0), case.answers.max(initial=0))) + 1
    true = np.bincount(case.truth, minlength=classes).astype(float)
    answered = np.bincount(case.answers, minlength=classes).astype(float)
    hits = np.bincount(case.truth, weights=case.truth == case.answers, minlength=classes)
    return hits, true, answered


def _f1(case: Case, hits: np.ndarray, true: np.ndarray, answered: np.ndarray, weights: np.ndarray) -> Estimate:
    rows, right = len(case.truth), case.truth == case.answers
    both = true + answered
    scores = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    each = np.divide(weights * rows, both, out=np.zeros_like(hits), where=both > 0)
    # F1 = 2 hits / both: a right row adds 2 to each, a wrong one 1 to `both` of its class and of its answer
    influence = np.where(
        right,
        each[case.truth] * (2 - 2 * scores[case.truth]),
        -each[case.truth] * scores[case.truth] - each[case.answers] * scores[case.answers],
    )
    shares = Shares(hits, both - hits, weights, harmonic=True)
    return Estimate(float(np.sum(weights * scores)), influence, shares=shares, low=0.0, high=1.0)


def roc_auc(case: Case) -> Estimate:
    """Area under the ROC curve: of class 1 when there are two, else the mean over the classes against the rest."""
    return _one_against_rest(case, _area)


def average_precision(case: Case) -> Estimate:
    """Mean precision at each true row in order of falling probability: of class 1 of two, else the mean over classes."""
    return _one_against_rest(case, _precision)


def _one_against_rest(case: Case, area: object) -> Estimate:
    assert case.scores is not None
    assert callable(area)
    classes = [1] if case.scores.shape[1] == 2 else np.unique(case.truth).tolist()
    parts = [area(case.truth == one, case.scores[:, one]) for one in classes]
    value = float(np.mean([part for part, _ in parts]))
    influence = np.mean([part for _, part in parts], axis=0)
    least = min(min(int(np.sum(case.truth == one)), int(np.sum(case.truth != one))) for one in classes)
    missing = f"needs {_LEAST} rows of each class; the rarest has {least}" if least < _LEAST else ""
    return Estimate(value, influence, Scale.LOGIT, low=0.0, high=1.0, missing=missing)


def _area(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """The area and the influences by placements (DeLong, DeLong & Clarke-Pearson 1988)."""
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return math.nan, np.full(len(scores), np.nan)
    above = _placement(scores[~positive], scores[positive]) / zeros
    below = 1 - _placement(scores[positive], scores[~positive]) / ones
    value = float(above.mean())
    influence = np.empty(len(scores))
    influence[positive] = (above - value) * len(scores) / ones * _few(ones)
    influence[~positive] = (below - value) * len(scores) / zeros * _few(zeros)
    return value, influence


def _few(count: int) -> float:
    """By how much the spread of so many values falls short of that of all values."""
    return math.sqrt(count / max(count - 1, 0.5))


def _placement(against: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How many of `against` lie below each score; equal ones count half."""
    ordered = np.sort(against)
    left, right = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    return (left + right) / 2


def _precision(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Average precision as a function of the ranks, and its influences; rows of one score share a threshold."""
    rows, ones = len(scores), int(positive.sum())
    if not ones:
        return math.nan, np.full(rows, np.nan)
    order = np.argsort(-scores, kind="stable")
    _, inverse, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes) - 1  # place of the last row with each score
    hits = np.cumsum(positive[order])[last].astype(float)
    seen = (last + 1).astype(float)
    precision = hits / seen
    gained = np.diff(hits, prepend=0.0) / ones  # share of the positives at each score
    value = float(np.sum(gained * precision))
    # A row of score s enters `hits` and `seen` of every threshold at or below s.
    by_hit = np.cumsum((gained / seen)[::-1])[::-1][inverse]
    by_seen = np.cumsum((gained * hits / seen**2)[::-1])[::-1][inverse]
    own = (precision[inverse] - value) / ones
    return value, rows * _few(ones) * (np.where(positive, by_hit + own, 0.0) - by_seen)


def log_loss(case: Case) -> Estimate:
    """Mean negative logarithm of the probability of the truth, in nats."""
    assert case.scores is not None
    own = case.scores[np.arange(len(case.truth)), case.truth]
    return mean_of(-np.log(np.clip(own, _FLOOR, 1.0)), low=0.0)


def top_k_accuracy(k: int) -> Metric:
    """Share of rows whose truth is among the `k` most probable classes; among equal ones the later class goes first."""

    def metric(case: Case) -> Estimate:
        assert case.scores is not None
        own = case.scores[np.arange(len(case.truth)), case.truth][:, None]
        later = np.arange(case.scores.shape[1]) > case.truth[:, None]
        ahead = (case.scores > own) | ((case.scores == own) & later)
        return share_of(ahead.sum(axis=1) < k)

    return metric


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1_macro": f1_macro,
    "f1_weighted": f1_weighted,
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
}
FROM_LABELS = ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted")
"""Metrics that need no probabilities."""
_MANY = 100
"""Classes from which on the areas, one for each class, are reported only for a problem that asks for them."""


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name, `top_{k}_accuracy` among them. Without probabilities, those that need some raise GateFailedError."""
    metric = METRICS[name] if name in METRICS else top_k_accuracy(number_in(name))
    return metric if name in FROM_LABELS else _of_scores(name, metric)


def _of_scores(name: str, metric: Metric) -> Metric:
    def checked(case: Case) -> Estimate:
        if case.scores is None:
            raise GateFailedError(f"{name} needs a probability for each class, and the model answers labels alone.")
        return metric(case)

    return checked


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    if case.scores is None:
        return list(FROM_LABELS)
    width = case.scores.shape[1]
    areas = ["roc_auc", "average_precision"] if width < _MANY else []
    return [*FROM_LABELS, *areas, "log_loss", "calibration_error", *(["top_5_accuracy"] if width > 5 else [])]


def errors(case: Case) -> np.ndarray:
    """How little the model gives to the truth: 1 minus its probability, and 1 more where the answer is wrong."""
    wrong: np.ndarray = (case.truth != case.answers).astype(float)
    return wrong if case.scores is None else wrong + 1 - case.scores[np.arange(len(case.truth)), case.truth]


def constant(case: Case, metric: str) -> Case:
    """The model that answers the most frequent class, and each class with its share of the rows."""
    shares = np.bincount(case.truth, minlength=len(case.classes)) / len(case.truth)
    scores = None if case.scores is None else np.broadcast_to(shares, case.scores.shape)
    return replace(case, answers=np.full(len(case.truth), int(shares.argmax())), scores=scores)


CLASSIFICATION = JudgedKind(FITTING, NEEDS, read, metric_of, beside, errors, constant)
