"""Metrics of forecasts: those of numbers, and some whose unit is the size of the series.

WAPE and bias are those of Kolassa & Schütz (2007); RMSSE is that of the M5 competition (Makridakis et al. 2022), where each
series counts alike. columns: `series` numbers the series of each row, `scale` is its mean squared change in the past.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, Scale, ratio_of
from jinsu.evaluation.kinds import regression
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, answering, finite
from jinsu.evaluation.kinds.quantiles import levels_of
from jinsu.evaluation.labels import groups_of
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import Judging

FITTING = (OutputKind.VALUE, OutputKind.SCORES, OutputKind.QUANTILES)
NEEDS = "value or scores or quantiles"


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """One number a row; of quantiles the one whose level is nearest to one half."""
    output = answering(answers.outputs, FITTING, NEEDS, held.judging)
    if output.kind is OutputKind.QUANTILES:
        middle = int(np.argmin(np.abs(np.asarray(levels_of(output)) - 0.5)))
        output = replace(output, values=output.values[:, middle])
    columns: dict[str, np.ndarray] = {}
    series = groups(held)
    if series is not None:
        columns["series"] = series
    if held.judging.scale is not None:
        columns["scale"] = _scale(held.column(held.judging.scale, "scale"))
    return Case(regression.numbers(held.target), regression.decode(output, held.judging), columns=columns)


def _scale(column: np.ndarray) -> np.ndarray:
    finite(column, "values of the column `scale`")
    if not np.all(column > 0):
        raise GateFailedError("problem: scale: the column holds values that are not above zero.")
    values: np.ndarray = column.astype(float)
    return values


def groups(held: Held) -> np.ndarray | None:
    """Rows of one series belong together."""
    return None if held.judging.series is None else groups_of(held.column(held.judging.series, "series"))


def wape(case: Case) -> Estimate:
    """Sum of the absolute errors as a share of the sum of the truths' sizes; NaN where every truth is zero."""
    return ratio_of(np.abs(case.truth - case.answers), np.abs(case.truth), low=0.0, scale=Scale.LOG)


def bias(case: Case) -> Estimate:
    """Sum of answers minus truths as a share of the sum of the truths' sizes: above zero, the model forecasts too much."""
    return ratio_of(case.answers - case.truth, np.abs(case.truth))


def rmsse(case: Case) -> Estimate:
    """Mean over the series of the root of the mean squared error through the scale."""
    squares = (case.truth - case.answers) ** 2 / case.columns["scale"]
    series = case.columns.get("series")
    if series is None:
        return regression.rmse(Case(np.zeros(len(squares)), np.sqrt(squares)))
    places = np.unique(series, return_inverse=True)[1]
    rows = np.bincount(places)
    roots = np.sqrt(np.bincount(places, weights=squares) / rows)
    value = float(roots.mean())
    influence = ((roots - value) / rows * len(squares) / len(rows))[places]
    return Estimate(value, influence, low=0.0)


METRICS: dict[str, Metric] = {
    "mae": regression.mae,
    "rmse": regression.rmse,
    "wape": wape,
    "rmsse": rmsse,
    "bias": bias,
}


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name."""
    return METRICS[name]


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    return [name for name in METRICS if name != "rmsse" or "scale" in case.columns]


FORECASTING = JudgedKind(FITTING, NEEDS, read, metric_of, beside, regression.errors, regression.constant, groups)
