"""Metrics of quantiles. The pinball loss is scikit-learn's, averaged over the levels.

truth: one number a row. answers: the quantile of each level, shape (rows, levels).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, mean_of, share_of
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, Output, answering, finite
from jinsu.evaluation.kinds.regression import numbers
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import Judging

FITTING = (OutputKind.QUANTILES,)
NEEDS = "quantiles"


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """The quantiles of each row."""
    output = answering(answers.outputs, FITTING, NEEDS, held.judging)
    levels = levels_of(output)
    finite(output.values, "quantiles")
    return Case(numbers(held.target), output.values.astype(float), levels=levels)


def levels_of(output: Output) -> tuple[float, ...]:
    """The level of each quantile. Raises GateFailedError when the model was saved without them."""
    if output.levels is None or output.values.shape != (len(output.values), len(output.levels)):
        raise GateFailedError(
            "output: the levels of its quantiles are unknown; save with jinsu.save(quantiles=[0.1, 0.5, 0.9])."
        )
    return output.levels


def _losses(case: Case) -> np.ndarray:
    gap = case.truth[:, None] - case.answers
    losses: np.ndarray = np.maximum(np.asarray(case.levels) * gap, (np.asarray(case.levels) - 1) * gap).mean(axis=1)
    return losses


def _inside(case: Case) -> np.ndarray:
    below: np.ndarray = case.truth <= case.answers[:, -1]
    return below if len(case.levels) == 1 else below & (case.truth >= case.answers[:, 0])


def pinball(case: Case) -> Estimate:
    """Mean pinball loss of the levels, in the target's unit."""
    return mean_of(_losses(case), low=0.0)


def interval_coverage(case: Case) -> Estimate:
    """Share of rows whose truth lies between the lowest and the highest quantile, or below the only one."""
    return share_of(_inside(case))


def coverage_gap(case: Case) -> Estimate:
    """How much that share exceeds what the levels say."""
    promised = case.levels[-1] - (case.levels[0] if len(case.levels) > 1 else 0.0)
    found = share_of(_inside(case))
    return replace(found, value=found.value - promised, low=-promised, high=1 - promised)


METRICS: dict[str, Metric] = {"pinball": pinball, "interval_coverage": interval_coverage, "coverage_gap": coverage_gap}


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name."""
    return METRICS[name]


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    return list(METRICS)


def constant(case: Case, metric: str) -> Case:
    """The model that answers the quantiles of all truths."""
    return replace(case, answers=np.broadcast_to(np.quantile(case.truth, case.levels), case.answers.shape))


QUANTILES = JudgedKind(FITTING, NEEDS, read, metric_of, beside, _losses, constant)
