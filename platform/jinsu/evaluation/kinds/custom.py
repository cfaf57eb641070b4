"""What a scoring function of the problem's owner says about each row: means, shares, and sums through sums.

The function itself is executed elsewhere; here are its numbers. An array of booleans is a share, one number a row a mean,
and two numbers a row are a sum through a sum, so intervals and comparisons are made as for every other metric.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, mean_of, ratio_of, share_of
from jinsu.evaluation.kinds.classes import FITTING as CLASSES
from jinsu.evaluation.kinds.classes import decode
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, Output
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.metrics import Better
from jinsu.spec.problem import Judging

FITTING = tuple(OutputKind)
NEEDS = "whatever the scorer reads"
_ERROR = ""
"""The column of each row's error; no metric has such a name."""


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """The numbers of the scorer, one or two a row, by metric. Raises GateFailedError when the problem names another metric."""
    rules, scored = held.judging, answers.scored
    for name in (rules.metric, *rules.guardrails):
        if name not in scored:
            raise GateFailedError(
                f"{rules.scorer}: score returned {', '.join(map(repr, scored)) or 'nothing'}, and the problem names {name!r}; "
                "return it too, or name another metric."
            )
    values = scored[rules.metric]
    reference = values if candidate is None else candidate.columns[rules.metric]
    if values.shape != reference.shape:
        raise GateFailedError(f"{rules.scorer}: score returned {rules.metric!r} in another form for this model.")
    errors = _errors(values, reference, rules.better is Better.GREATER)
    return Case(
        _flat(held.target), _shown(answers.outputs), _numbers(answers.outputs), columns={**scored, _ERROR: errors}
    )


def _errors(values: np.ndarray, reference: np.ndarray, maximize: bool) -> np.ndarray:
    """How much less each row adds to the metric than the best row of `reference`, in the metric's unit."""
    moves, others = _moves(values, reference), _moves(reference, reference)
    errors: np.ndarray = others.max() - moves if maximize else moves - others.min()
    return errors


def _moves(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What each row adds: its number, or for a sum through a sum the influence at the value that `reference` has."""
    if values.ndim == 1:
        return values.astype(float)
    above, below = reference.mean(axis=0)
    if below == 0:
        return np.zeros(len(values))
    moves: np.ndarray = (values[:, 0] - above / below * values[:, 1]) / below
    return moves


def _flat(values: np.ndarray) -> np.ndarray:
    return values if values.ndim == 1 else values.reshape(len(values), -1)


def _numbers(outputs: Sequence[Output]) -> np.ndarray | None:
    """Every number that the model answers, shape (rows, numbers): two models with equal ones do not differ."""
    parts = [one.values.reshape(len(one.values), -1) for one in outputs if one.values.dtype.kind in "biuf"]
    if len(parts) < 2:
        return parts[0] if parts else None
    return np.concatenate(parts, axis=1)


def _shown(outputs: Sequence[Output]) -> np.ndarray:
    """The answers as a reviewer reads them: texts and classes, or the numbers of the first output."""
    texts = [one.values.astype(str) for one in outputs if one.values.dtype.kind in "OU" and one.values.ndim == 1]
    first = outputs[0]
    if (
        first.labels is not None
        and first.kind in CLASSES
        and first.values.dtype.kind in "biuf"
        and first.values.ndim <= 2
    ):
        texts.insert(0, decode(first))
    if not texts:
        return _flat(first.values) if first.values.size != len(first.values) else first.values.reshape(-1)
    shown = texts[0]
    for other in texts[1:]:
        shown = np.char.add(np.char.add(shown, " | "), other)
    return shown


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric that the scorer calls so."""

    def measure(case: Case) -> Estimate:
        values = case.columns[name]
        if values.dtype == bool:
            return share_of(values)
        return mean_of(values) if values.ndim == 1 else ratio_of(values[:, 0], values[:, 1])

    return measure


def beside(case: Case, judging: Judging) -> list[str]:
    """Whatever else the scorer returns."""
    return [name for name in case.columns if name not in (_ERROR, judging.metric)]


def errors(case: Case) -> np.ndarray:
    """How much less each row adds to the metric than the candidate's best row."""
    return case.columns[_ERROR]


CUSTOM = JudgedKind(FITTING, NEEDS, read, metric_of, beside, errors)
