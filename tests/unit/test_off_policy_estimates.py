"""The estimators of a policy's value, accepted on logs that are simulated: 200 seeds of 1,000 rows, of which the true value is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from jinsu.evaluation.intervals import interval
from jinsu.evaluation.kinds.kind import Answers, Held, Output
from jinsu.evaluation.registry import KINDS
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.metrics import Kind
from jinsu.spec.problem import Judging

SEEDS, ROWS, ACTIONS = 200, 1_000, 4
CLICKS = np.array([[0.30, 0.10, 0.05, 0.05], [0.05, 0.25, 0.10, 0.05], [0.10, 0.05, 0.05, 0.40]])
"""The chance of a click by context and action; contexts are equally frequent."""
POLICY = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])
LOGGED = np.array([[0.1, 0.3, 0.3, 0.3], [0.25, 0.25, 0.25, 0.25], [0.4, 0.3, 0.25, 0.05]])
"""How often the log's policy takes an action: for the first and the third context seldom what the judged one prefers."""
TRUE = float((POLICY * CLICKS).sum(axis=1).mean())
WRONG = np.full_like(CLICKS, 0.1)
"""A model of the clicks that has learned nothing."""


@dataclass(frozen=True)
class Found:
    """One estimator over all seeds: its values, and whether each interval holds the true value."""

    values: np.ndarray
    covered: np.ndarray

    def bias(self) -> tuple[float, float]:
        """The mean error, and 4 standard errors of it: chance goes beyond them once in 16,000 times."""
        return float(self.values.mean() - TRUE), 4 * float(self.values.std(ddof=1)) / SEEDS**0.5


def over_all_seeds(metric: str, predicted: np.ndarray) -> Found:
    """The estimates of POLICY's value from logs of LOGGED; predicted: the clicks that the model expects, as CLICKS."""
    judging = Judging(metric=metric, reward="click", propensity="chance")
    kind, values, covered = KINDS[Kind.POLICY], [], []
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        context = random.integers(0, len(CLICKS), ROWS)
        action = (LOGGED[context].cumsum(axis=1) < random.random((ROWS, 1))).sum(axis=1).clip(max=ACTIONS - 1)
        click = (random.random(ROWS) < CLICKS[context, action]).astype(float)
        log = {"click": click, "chance": LOGGED[context, action]}
        outputs = [
            Output(POLICY[context], OutputKind.PROBABILITIES, labels=tuple(range(ACTIONS))),
            Output(predicted[context], OutputKind.VALUE),
        ]
        estimate = kind.metric(metric, judging)(kind.read(Held(judging, action, log), Answers(outputs), None))
        low, high = interval(estimate)
        values.append(estimate.value)
        covered.append(low <= TRUE <= high)
    return Found(np.array(values), np.array(covered))


@pytest.mark.parametrize("metric", ["ips", "snips", "dr"])
@pytest.mark.parametrize("predicted", [CLICKS, WRONG], ids=["right model", "wrong model"])
def test_an_unbiased_estimator_needs_no_right_model(metric: str, predicted: np.ndarray) -> None:
    found = over_all_seeds(metric, predicted)
    error, chance = found.bias()
    assert abs(error) <= chance + (0.002 if metric == "snips" else 0)  # a ratio has a bias of the order of 1 / rows
    assert found.covered.mean() >= 0.90  # 95 % nominal, less 3 standard errors of 200 draws


def test_a_direct_estimate_is_as_good_as_its_model() -> None:
    right, wrong = over_all_seeds("dm", CLICKS), over_all_seeds("dm", WRONG)
    assert abs(right.bias()[0]) <= right.bias()[1]
    assert wrong.bias()[0] == pytest.approx(0.1 - TRUE)
    assert not wrong.covered.any()


def test_a_right_model_makes_a_doubly_robust_estimate_narrower() -> None:
    assert over_all_seeds("dr", CLICKS).values.std() < 0.9 * over_all_seeds("ips", CLICKS).values.std()


def test_switching_leaves_out_what_the_weights_above_ten_say() -> None:
    """The third context's best action has the weight 14: there, Switch-DR says what the model says."""
    right, wrong = over_all_seeds("switch_dr", CLICKS), over_all_seeds("switch_dr", WRONG)
    assert abs(right.bias()[0]) <= right.bias()[1]
    assert right.covered.mean() >= 0.90
    lost = POLICY[2, 3] * (WRONG[2, 3] - CLICKS[2, 3]) / len(CLICKS)
    error, chance = wrong.bias()
    assert abs(error - lost) <= chance
