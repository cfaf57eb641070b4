"""Off-policy estimates: what a policy would have earned on rows where another one chose the action (Dudík et al. 2014).

truth: the action that was taken, -1 for one that the model does not know. answers: the policy's probability of each action, shape
(rows, actions). columns: `reward`; `weight`, the policy's probability of the action that was taken through the propensity; `direct`, the
reward that is predicted for the policy's actions; `own`, the one that is predicted for the action that was taken.
"""

from __future__ import annotations

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, mean_of, ratio_of
from jinsu.evaluation.kinds.classes import FITTING, NEEDS, SCORED
from jinsu.evaluation.kinds.classes import read as read_classes
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, Output, finite
from jinsu.evaluation.kinds.regression import numbers
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import Judging

SWITCH = 10.0
"""The weight above which Switch-DR relies on the predicted reward alone (Wang, Agarwal & Dudík 2017)."""


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """The policy beside what was logged. Without predicted rewards, each action's mean reward stands for them."""
    actions = read_classes(held, answers, None)
    scored = next((one for one in answers.outputs if one.kind in SCORED), None)
    width = len(actions.classes) if scored is None or actions.scores is None else actions.scores.shape[1]
    chances = np.eye(width)[actions.answers] if actions.scores is None else actions.scores
    reward = numbers(held.column(held.judging.reward, "reward"))
    propensity = numbers(held.column(held.judging.propensity, "propensity"))
    finite(reward, "rewards")
    if not np.all((propensity > 0) & (propensity <= 1)):
        raise GateFailedError("problem: propensity: the column holds values that are not above 0 and at most 1.")
    rows = np.arange(len(reward))
    given = next((one for one in answers.outputs if one.kind is OutputKind.VALUE), None)
    predicted = _means(actions.truth, reward, width) if given is None else _predicted(given, width)
    columns = {
        "reward": reward,
        "weight": chances[rows, actions.truth] / propensity,
        "direct": np.sum(chances * predicted, axis=1),
        "own": predicted[rows, actions.truth],
    }
    return Case(actions.truth, chances, None if given is None else predicted, columns=columns)


def _means(action: np.ndarray, reward: np.ndarray, width: int) -> np.ndarray:
    """The mean reward of each action, shape (rows, actions)."""
    counts = np.bincount(action, minlength=width)
    means = np.bincount(action, weights=reward, minlength=width) / np.maximum(counts, 1)
    return np.broadcast_to(means, (len(action), width))


def _predicted(output: Output, width: int) -> np.ndarray:
    finite(output.values, "predicted rewards")
    if output.values.ndim != 2 or output.values.shape[1] > width:
        raise GateFailedError(
            f"output: predicted rewards are of shape {output.values.shape}; one for each action is needed."
        )
    missing = width - output.values.shape[1]  # actions that only held-out rows have
    return np.pad(output.values.astype(float), ((0, 0), (0, missing)))


def ips(case: Case) -> Estimate:
    """Mean reward, each weighted by how much more often the policy takes the action than the logged one did."""
    return mean_of(case.columns["weight"] * case.columns["reward"])


def snips(case: Case) -> Estimate:
    """As `ips`, through the mean weight; NaN where the policy takes no logged action."""
    return ratio_of(case.columns["weight"] * case.columns["reward"], case.columns["weight"])


def dm(case: Case) -> Estimate:
    """Mean of the reward that the model itself predicts for the policy's actions."""
    if case.scores is None:
        raise GateFailedError(
            "dm needs a second output, kind value: the reward that the model predicts for each action."
        )
    return mean_of(case.columns["direct"])


def dr(case: Case) -> Estimate:
    """Mean predicted reward, corrected by the weighted errors of the predictions (doubly robust)."""
    return _corrected(case, np.inf)


def switch_dr(case: Case) -> Estimate:
    """As `dr`, without the corrections whose weight is above 10."""
    return _corrected(case, SWITCH)


def _corrected(case: Case, most: float) -> Estimate:
    weight = np.where(case.columns["weight"] <= most, case.columns["weight"], 0.0)
    return mean_of(case.columns["direct"] + weight * (case.columns["reward"] - case.columns["own"]))


def effective_sample_size(case: Case) -> Estimate:
    """How many rows of equal weight would say as much (Kish 1965)."""
    weight = case.columns["weight"]
    total = float(np.sum(weight**2))
    return _of_weights(float(np.sum(weight)) ** 2 / total if total else 0.0, len(weight))


def largest_weight(case: Case) -> Estimate:
    """The greatest weight of a row."""
    return _of_weights(float(case.columns["weight"].max()), len(case.truth))


def _of_weights(value: float, rows: int) -> Estimate:
    return Estimate(value, np.zeros(rows), missing="has none, because it describes these rows and estimates nothing")


METRICS: dict[str, Metric] = {
    "ips": ips,
    "snips": snips,
    "dr": dr,
    "switch_dr": switch_dr,
    "dm": dm,
    "effective_sample_size": effective_sample_size,
    "largest_weight": largest_weight,
}


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name."""
    return METRICS[name]


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    return [name for name in METRICS if name != "dm" or case.scores is not None]


POLICY = JudgedKind(FITTING, NEEDS, read, metric_of, beside)
