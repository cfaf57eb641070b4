"""Worlds of which everything is known: each draws rows and a model's answers to them, and has the true value of its metrics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jinsu.evaluation.estimates import Case, Metric
from jinsu.evaluation.registry import KINDS
from jinsu.spec.metrics import Kind
from jinsu.spec.problem import Judging

Random = np.random.Generator
PER_GROUP = 5
"""Rows of a group on average."""


@dataclass(frozen=True)
class World:
    """draw: rows with a candidate's answers and a champion's; its second argument is the group of each row.

    metrics: what is measured. The rows of a group share an effect on the truth or the answers. always_grouped: whether groups are
    what is measured; the value depends on the number of rows then, so its true value is the mean over draws of as many.
    """

    name: str
    draw: Callable[[Random, np.ndarray], tuple[Case, Case]]
    metrics: dict[str, Metric]
    always_grouped: bool = False


def groups_of(random: Random, rows: int, grouped: bool) -> np.ndarray:
    """The group of each row: 1 to 9 rows in each, or every row for itself."""
    if not grouped:
        return np.arange(rows)
    return np.repeat(np.arange(rows), random.integers(1, 2 * PER_GROUP, rows))[:rows]


def shared(random: Random, groups: np.ndarray, size: float) -> np.ndarray:
    """An effect that the rows of one group have in common; without groups it is each row's own."""
    return random.normal(0, size, int(groups.max()) + 1)[groups]


PRIORS = np.array([0.5, 0.3, 0.14, 0.06])


def classes(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Four classes, the rarest of 6 %; the answers of a group tend to be right or wrong together."""
    rows = len(groups)
    truth = random.choice(len(PRIORS), rows, p=PRIORS)
    common = shared(random, groups, 1.0)
    return _classified(random, truth, common, 2.0), _classified(random, truth, common, 1.9)


def _classified(random: Random, truth: np.ndarray, common: np.ndarray, strength: float) -> Case:
    logits = random.normal(0, 1, (len(truth), len(PRIORS))) + np.log(PRIORS)
    logits[np.arange(len(truth)), truth] += strength + common
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    return Case(truth, scores.argmax(axis=1), scores)


def two_classes(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Two classes, the second of 20 %."""
    truth = (random.random(len(groups)) < 0.2).astype(int)
    common = shared(random, groups, 0.7)
    return _scored(random, truth, common, 1.6), _scored(random, truth, common, 1.5)


def _scored(random: Random, truth: np.ndarray, common: np.ndarray, strength: float) -> Case:
    logit = random.normal(0, 1, len(truth)) + common + strength * (2 * truth - 1) - 0.5
    chance = 1 / (1 + np.exp(-logit))
    return Case(truth, (chance > 0.5).astype(int), np.stack([1 - chance, chance], axis=1))


def numbers(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """A target above zero, and errors with tails longer than a normal distribution's."""
    signal, common = random.normal(0, 2, len(groups)), shared(random, groups, 0.6)
    truth = 20 + signal + common + 0.5 * random.standard_t(8, len(groups))
    ours = 20 + signal + random.normal(0, 0.5, len(groups))
    return Case(truth, ours), Case(truth, 20 + 0.95 * signal + random.normal(0, 0.5, len(groups)))


def label_sets(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Five labels, the rarest on 10 % of the rows; a row of a group is easy or hard with its group."""
    rows, often = len(groups), np.array([0.5, 0.4, 0.3, 0.2, 0.1])
    truth = random.random((rows, 5)) < often
    common = shared(random, groups, 0.5)[:, None]

    def answers(strength: float) -> np.ndarray:
        signal = strength * (2 * truth - 1) + common * (2 * truth - 1) + random.normal(0, 1, (rows, 5))
        marks: np.ndarray = signal + np.log(often / (1 - often)) / 2 > 0
        return marks

    return Case(truth, answers(1.2)), Case(truth, answers(1.1))


LEVELS = (0.1, 0.5, 0.9)


def ranges(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Quantiles of a number whose spread differs from row to row; the model's are a little too narrow."""
    rows, spread = len(groups), np.exp(random.normal(0, 0.4, len(groups)))
    signal, common = random.normal(0, 2, rows), shared(random, groups, 0.6)
    truth = signal + spread * (common + 0.8 * random.normal(0, 1, rows))
    steps = np.array([-1.2816, 0.0, 1.2816])
    ours = signal[:, None] + spread[:, None] * steps * 0.9
    theirs = signal[:, None] + 0.2 + steps * 1.1 * np.ones((rows, 1))
    return Case(truth, ours, levels=LEVELS), Case(truth, theirs, levels=LEVELS)


def demands(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Demand above zero of series of different sizes, and their scale; without groups each row is a series."""
    rows, count = len(groups), int(groups.max()) + 1
    size, drift = np.exp(random.normal(3, 0.5, count))[groups], random.normal(0, 0.1, count)[groups]
    truth = size * np.exp(drift + random.normal(0, 0.25, rows))
    ours, theirs = size * np.exp(random.normal(0, 0.08, rows)), size * np.exp(random.normal(0.02, 0.1, rows))
    columns = {"scale": (0.3 * size) ** 2, "series": groups}
    return Case(truth, ours, columns=columns), Case(truth, theirs, columns=columns)


ITEMS = 30


def rankings(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Each row is a visit of a user who needs one to three of thirty items; users are easy or hard."""
    rows, common = len(groups), shared(random, groups, 0.7)
    popularity = np.linspace(1, 0, ITEMS)
    needed = np.argsort(-(popularity + random.gumbel(0, 0.7, (rows, ITEMS))), axis=1)
    counts = random.integers(1, 4, rows)
    relevant = np.arange(ITEMS) < counts[:, None]
    truth = np.zeros((rows, ITEMS), dtype=bool)
    np.put_along_axis(truth, needed, relevant, axis=1)
    lists = np.empty(rows, dtype=object)
    lists[:] = [np.flatnonzero(row) for row in truth]

    def answered(strength: float) -> Case:
        scores = popularity + (strength + 0.5 * common[:, None]) * truth + random.normal(0, 0.6, (rows, ITEMS))
        order = np.argsort(-scores, axis=1)
        place = np.empty((rows, ITEMS))
        np.put_along_axis(place, order, np.broadcast_to(np.arange(1, ITEMS + 1.0), (rows, ITEMS)), axis=1)
        ranks = np.empty(rows, dtype=object)
        ranks[:] = [row[items] for row, items in zip(place, lists, strict=True)]
        return Case(lists, ranks, order[:, :10], columns={"items": np.full(rows, ITEMS)})

    return answered(1.0), answered(0.9)


def embeddings(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Vectors of things that have one to nine rows each; some things are easy to tell apart."""
    rows, count = len(groups), int(groups.max()) + 1
    centre = random.normal(0, 1, (count, 8))[groups]
    width = np.exp(random.normal(-0.4, 0.3, count))[groups][:, None]

    def answered(noise: float) -> Case:
        vectors = centre + noise * width * random.normal(0, 1, (rows, 8))
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return Case(groups, unit.astype(np.float32))

    return answered(0.9), answered(1.0)


def pictures(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """Pictures of 8 × 8 with more noise in some than in others, which the model takes off in part."""
    rows, common = len(groups), shared(random, groups, 0.3)
    place = np.arange(8) / 8
    turn = random.random((rows, 1, 1, 1)) * 6
    truth = 0.5 + 0.3 * np.sin(6 * place[:, None] + 4 * place + turn)
    noise = np.exp(common + random.normal(-2.5, 0.2, rows))[:, None, None, None] * random.normal(0, 1, (rows, 1, 8, 8))
    other = truth + 0.9 * noise + random.normal(0, 0.03, (rows, 1, 8, 8))
    return Case(truth, truth + 0.8 * noise, levels=(1.0,)), Case(truth, other, levels=(1.0,))


ACTIONS = 4


def bandits(random: Random, groups: np.ndarray) -> tuple[Case, Case]:
    """A context with one good action of four, logged by a policy that prefers a wrong one; users pay more or less."""
    rows, common = len(groups), shared(random, groups, 0.3)
    good = random.integers(0, ACTIONS, rows)
    logged = np.full((rows, ACTIONS), 0.2)
    logged[np.arange(rows), (good + 1) % ACTIONS] = 0.4
    action = np.minimum((logged.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1), ACTIONS - 1)
    reward = np.exp(common) * ((action == good) + 0.2) + random.normal(0, 0.3, rows)
    predicted = np.full((rows, ACTIONS), 0.25)
    predicted[np.arange(rows), good] = 1.1

    def chosen(right: float) -> Case:
        chances = np.full((rows, ACTIONS), (1 - right) / (ACTIONS - 1))
        chances[np.arange(rows), good] = right
        own = np.arange(rows), action
        columns = {
            "reward": reward,
            "weight": chances[own] / logged[own],
            "direct": np.sum(chances * predicted, axis=1),
            "own": predicted[own],
        }
        return Case(action, chances, predicted, columns=columns)

    return chosen(0.7), chosen(0.6)


def metrics_of(kind: Kind, names: Iterable[str], **more: Any) -> dict[str, Metric]:
    """Metrics of a kind by name."""
    return {name: KINDS[kind].metric(name, Judging(kind=kind, metric=name, **more)) for name in names}


_C = Kind.CLASSIFICATION
WORLDS = (
    World(
        "four classes",
        classes,
        metrics_of(
            _C,
            (
                "accuracy",
                "balanced_accuracy",
                "f1_macro",
                "f1_weighted",
                "log_loss",
                "top_2_accuracy",
                "calibration_error",
            ),
        ),
    ),
    World("two classes", two_classes, metrics_of(_C, ("roc_auc", "average_precision"))),
    World(
        "labels",
        label_sets,
        metrics_of(
            Kind.MULTILABEL, ("f1_macro", "f1_weighted", "f1_micro", "f1_samples", "subset_accuracy", "hamming_loss")
        ),
    ),
    World("numbers", numbers, metrics_of(Kind.REGRESSION, ("mae", "rmse", "r2", "mape"))),
    World("quantiles", ranges, metrics_of(Kind.QUANTILES, ("pinball", "interval_coverage", "coverage_gap"))),
    World("demand", demands, metrics_of(Kind.FORECASTING, ("wape", "bias", "rmsse"), scale="scale")),
    World(
        "rankings",
        rankings,
        metrics_of(Kind.RANKING, ("ndcg_at_10", "recall_at_10", "mrr", "popularity_bias_at_10")),
    ),
    World(
        "embeddings",
        embeddings,
        metrics_of(Kind.RETRIEVAL, ("pair_f1", "recall_at_5", "mean_average_precision"), threshold=0.6),
        always_grouped=True,
    ),
    World(
        "bandits",
        bandits,
        metrics_of(Kind.POLICY, ("ips", "snips", "dr", "switch_dr"), reward="reward", propensity="propensity"),
    ),
    World("pictures", pictures, metrics_of(Kind.IMAGE_TO_IMAGE, ("psnr", "ssim"))),
)
