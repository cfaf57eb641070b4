"""Metrics of numbers. Definitions are scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, Scale, mean_of, undefined
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, Output, answering
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import Judging


def mae(case: Case) -> Estimate:
    """Mean absolute error, in the target's unit."""
    return mean_of(np.abs(case.truth - case.answers), low=0.0)


def rmse(case: Case) -> Estimate:
    """Root of the mean squared error, in the target's unit."""
    squares = (case.truth - case.answers) ** 2
    value = float(np.sqrt(squares.mean()))
    if not np.isfinite(value):
        return undefined(value, len(squares))
    influence = (squares - value**2) / (2 * value) if value > 0 else np.zeros(len(squares))
    return Estimate(value, influence, Scale.SQUARE, low=0.0)


def r2(case: Case) -> Estimate:
    """Share of the target's variance that the answers explain; NaN for a target that does not vary."""
    squares = (case.truth - case.answers) ** 2
    spread = (case.truth - case.truth.mean()) ** 2
    if not spread.mean() > 0:
        return undefined(float("nan"), len(squares))
    rest = float(squares.mean() / spread.mean())
    return Estimate(1 - rest, (rest * spread - squares) / spread.mean(), Scale.REST, high=1.0)


def mape(case: Case) -> Estimate:
    """Mean absolute error as a share of the truth; a truth of zero counts as the least 64-bit step."""
    size = np.maximum(np.abs(case.truth), np.finfo(np.float64).eps)
    return mean_of(np.abs(case.truth - case.answers) / size, low=0.0)


METRICS: dict[str, Metric] = {"mae": mae, "rmse": rmse, "r2": r2, "mape": mape}

FITTING = (OutputKind.VALUE, OutputKind.SCORES, OutputKind.PROBABILITIES)
NEEDS = "value or scores or probabilities"


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """One number a row. Raises GateFailedError for a target or an output of another shape."""
    return Case(numbers(held.target), decode(answering(answers.outputs, FITTING, NEEDS, held.judging), held.judging))


def numbers(target: np.ndarray) -> np.ndarray:
    """The target as one number a row."""
    try:
        values = target.astype(float)
    except (TypeError, ValueError):
        raise GateFailedError("problem: target: the column holds values that are no numbers.") from None
    if values.size != len(values):
        raise GateFailedError(f"problem: target: its shape is {values.shape}; one number a row is judged.")
    return values.reshape(len(values))


def decode(output: Output, judging: Judging) -> np.ndarray:
    """The answers as one number a row. Raises GateFailedError for outputs of another shape."""
    values = output.values
    if values.size != len(values):
        raise GateFailedError(f"output: its shape is {values.shape}; {judging.metric} needs one number a row.")
    answers: np.ndarray = values.reshape(len(values)).astype(float)
    return answers


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name."""
    return METRICS[name]


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own; a share of the truth has no meaning where that is zero."""
    return [name for name in METRICS if name != "mape" or np.all(case.truth != 0)]


def errors(case: Case) -> np.ndarray:
    """The absolute error of each row."""
    distances: np.ndarray = np.abs(case.truth - case.answers)
    return distances


def constant(case: Case, metric: str) -> Case:
    """The model that answers the mean of the truths, or the median where absolute errors count."""
    middle = np.median(case.truth) if metric in ("mae", "mape", "wape") else np.mean(case.truth)
    return replace(case, answers=np.full(len(case.truth), float(middle)))


REGRESSION = JudgedKind(FITTING, NEEDS, read, metric_of, beside, errors, constant)
