"""Each kind's metrics beside a reference implementation, and how outputs and targets are read."""

import re
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from scipy.spatial.distance import cosine

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case
from jinsu.evaluation.intervals import interval
from jinsu.evaluation.kinds import retrieval
from jinsu.evaluation.kinds.kind import Answers, Held, Output
from jinsu.evaluation.registry import KINDS
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.metrics import Kind
from jinsu.spec.problem import Judging


def case_of(
    metric: str, target: Any, outputs: Any, output: OutputKind, columns: dict[str, Any] | None = None, **more: Any
) -> tuple[Case, Judging]:
    """What a kind reads in the target and the only output of a model; `labels` and `levels` belong to the output."""
    about = {name: more.pop(name) for name in ("labels", "levels") if name in more}
    judging = Judging(metric=metric, **more)
    held = Held(judging, np.asarray(target) if not isinstance(target, np.ndarray) else target, columns or {})
    return KINDS[judging.judged_as].read(held, Answers([Output(np.asarray(outputs), output, **about)]), None), judging


def value(metric: str, case: Case, judging: Judging) -> float:
    return KINDS[judging.judged_as].metric(metric, judging)(case).value


def lists(*rows: list[Any]) -> np.ndarray:
    """A column of lists."""
    column = np.empty(len(rows), dtype=object)
    column[:] = rows
    return column


RANDOM = np.random.default_rng(5)


# --- classification: scikit-learn ---


def classified(classes: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Truths, and probabilities that are better than chance."""
    truth = RANDOM.integers(0, classes, rows)
    logits = RANDOM.normal(0, 1, (rows, classes))
    logits[np.arange(rows), truth] += 1
    scores = np.exp(logits)
    return truth, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 5])
def test_classes_with_probabilities_agree_with_scikit_learn(classes: int) -> None:
    truth, scores = classified(classes)
    case, judging = case_of("accuracy", truth, scores, OutputKind.PROBABILITIES)
    one = scores[:, 1] if classes == 2 else scores
    binary = truth if classes == 2 else np.eye(classes)[truth]
    reference = {
        "f1_weighted": sklearn.metrics.f1_score(truth, scores.argmax(axis=1), average="weighted"),
        "roc_auc": sklearn.metrics.roc_auc_score(truth, one, multi_class="ovr"),
        "average_precision": sklearn.metrics.average_precision_score(binary, one),
        "log_loss": sklearn.metrics.log_loss(truth, scores),
        "top_1_accuracy": sklearn.metrics.accuracy_score(truth, scores.argmax(axis=1)),
    }
    if classes > 2:
        reference["top_3_accuracy"] = sklearn.metrics.top_k_accuracy_score(truth, scores, k=3)
    for name, expected in reference.items():
        assert value(name, case, judging) == pytest.approx(expected), name


def test_average_precision_counts_equal_scores_as_scikit_learn() -> None:
    truth, scores = classified(2)
    tied = np.round(scores, 1)
    case, judging = case_of("average_precision", truth, tied, OutputKind.PROBABILITIES)
    one = tied[:, 1] / tied.sum(axis=1)
    assert value("average_precision", case, judging) == pytest.approx(
        sklearn.metrics.average_precision_score(truth, one)
    )
    assert value("roc_auc", case, judging) == pytest.approx(sklearn.metrics.roc_auc_score(truth, one))


def test_calibration_error_is_near_nothing_for_true_chances_and_the_gap_for_others() -> None:
    chance = RANDOM.uniform(0.05, 0.95, 200_000)
    truth = (RANDOM.random(200_000) < chance).astype(int)
    true, judging = case_of("calibration_error", truth, chance, OutputKind.PROBABILITIES)
    assert value("calibration_error", true, judging) < 0.01
    always = np.full(200_000, 0.9)
    sure, _ = case_of("calibration_error", (RANDOM.random(200_000) < 0.7).astype(int), always, OutputKind.PROBABILITIES)
    assert value("calibration_error", sure, judging) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("outputs", "output"),
    [
        ([[0.2, 0.8], [0.9, 0.1]], OutputKind.PROBABILITIES),
        ([[0.2, 0.8], [0.9, 0.1]], OutputKind.SCORES),  # a distribution: probabilities
        ([0.8, 0.1], OutputKind.PROBABILITIES),
        ([[0.8], [0.1]], OutputKind.PROBABILITIES),
        (np.log([[0.2, 0.8], [0.9, 0.1]]), OutputKind.LOGITS),
        (np.log([0.8 / 0.2, 0.1 / 0.9]), OutputKind.LOGITS),
    ],
)
def test_probabilities_are_read_from_every_form(outputs: Any, output: OutputKind) -> None:
    case, _ = case_of("log_loss", ["yes", "no"], outputs, output, labels=["no", "yes"])
    assert case.scores == pytest.approx(np.array([[0.2, 0.8], [0.9, 0.1]]))
    assert (case.truth.tolist(), case.answers.tolist()) == ([1, 0], [1, 0])


def test_a_sigmoid_is_cut_at_one_half() -> None:
    case, judging = case_of("accuracy", [0, 0, 1], [0.3, 0.4, 0.6], OutputKind.PROBABILITIES)
    assert value("accuracy", case, judging) == 1


def test_a_metric_of_probabilities_refuses_labels_alone() -> None:
    case, judging = case_of("log_loss", [0, 1], np.array([0, 1]), OutputKind.LABEL)
    with pytest.raises(
        GateFailedError, match="log_loss needs a probability for each class, and the model answers labels"
    ):
        value("log_loss", case, judging)


def test_the_champions_probabilities_stand_in_the_candidates_order() -> None:
    judging = Judging(metric="log_loss")
    held = Held(judging, np.array(["a", "b", "c"], dtype=object))
    kind = KINDS[Kind.CLASSIFICATION]
    ours = kind.read(held, Answers([Output(np.eye(3), OutputKind.PROBABILITIES, ["a", "b", "c"])]), None)
    turned = Output(np.eye(3)[:, ::-1], OutputKind.PROBABILITIES, ["c", "b", "a"])
    theirs = kind.read(held, Answers([turned]), ours)
    assert np.array_equal(ours.scores, theirs.scores)  # type: ignore[arg-type]
    assert ours.same_answers(theirs)


# --- multilabel: scikit-learn ---


def test_labels_agree_with_scikit_learn() -> None:
    truth = RANDOM.random((200, 6)) < [0.5, 0.3, 0.1, 0.05, 0.5, 0.2]
    scores = np.clip(truth * 0.4 + RANDOM.random((200, 6)) * 0.6, 0, 1)
    case, judging = case_of("f1_micro", truth.astype(int), scores, OutputKind.PROBABILITIES)
    answers = scores >= 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows without a label
        for average in ("macro", "weighted", "micro", "samples"):
            expected = sklearn.metrics.f1_score(truth, answers, average=average)
            assert value(f"f1_{average}", case, judging) == pytest.approx(expected), average
    assert value("subset_accuracy", case, judging) == pytest.approx(sklearn.metrics.accuracy_score(truth, answers))
    assert value("hamming_loss", case, judging) == pytest.approx(sklearn.metrics.hamming_loss(truth, answers))


def test_labels_may_be_listed_by_name() -> None:
    target = lists(["red"], ["red", "round"], [])
    case, judging = case_of(
        "subset_accuracy", target, [[3, -1], [2, 2], [-1, -1]], OutputKind.LOGITS, labels=["red", "round"]
    )
    assert value("subset_accuracy", case, judging) == 1
    with pytest.raises(GateFailedError, match="no label 'blue'"):
        case_of("subset_accuracy", lists(["blue"]), [[3, -1]], OutputKind.LOGITS, labels=["red", "round"])


# --- numbers: scikit-learn ---


def test_numbers_agree_with_scikit_learn() -> None:
    truth, guess = RANDOM.normal(10, 3, 200), RANDOM.normal(10, 3, 200)
    case, judging = case_of("mae", truth, guess, OutputKind.VALUE)
    assert value("r2", case, judging) == pytest.approx(sklearn.metrics.r2_score(truth, guess))
    assert value("mape", case, judging) == pytest.approx(sklearn.metrics.mean_absolute_percentage_error(truth, guess))


def test_quantiles_agree_with_scikit_learn() -> None:
    truth, levels = RANDOM.normal(0, 1, 300), (0.1, 0.5, 0.9)
    guess = np.tile([-1.2, 0.1, 1.1], (300, 1)) + RANDOM.normal(0, 0.1, (300, 3))
    case, judging = case_of("pinball", truth, guess, OutputKind.QUANTILES, levels=levels)
    losses = [
        sklearn.metrics.mean_pinball_loss(truth, guess[:, place], alpha=level) for place, level in enumerate(levels)
    ]
    assert value("pinball", case, judging) == pytest.approx(np.mean(losses))
    inside = np.mean((truth >= guess[:, 0]) & (truth <= guess[:, 2]))
    assert value("interval_coverage", case, judging) == pytest.approx(inside)
    assert value("coverage_gap", case, judging) == pytest.approx(inside - 0.8)


def test_quantiles_without_levels_are_refused_in_a_sentence() -> None:
    with pytest.raises(GateFailedError, match=r"save with jinsu.save\(quantiles="):
        case_of("pinball", [1.0], [[1.0, 2.0]], OutputKind.QUANTILES)


def test_forecasts_have_their_definitions() -> None:
    truth, guess = RANDOM.uniform(1, 9, 60), RANDOM.uniform(1, 9, 60)
    series = np.repeat([f"s{number}" for number in range(12)], 5)
    scale = np.repeat(RANDOM.uniform(1, 4, 12), 5)
    case, judging = case_of(
        "wape", truth, guess, OutputKind.VALUE, {"shop": series, "past": scale},
        kind="forecasting", series="shop", scale="past",
    )  # fmt: skip
    assert value("wape", case, judging) == pytest.approx(np.abs(truth - guess).sum() / truth.sum())
    assert value("bias", case, judging) == pytest.approx((guess.sum() - truth.sum()) / truth.sum())
    of_series = [  # the M5 guide: the root of the mean squared error through that of the naive forecast, of each series
        np.sqrt(sklearn.metrics.mean_squared_error(truth[rows], guess[rows]) / scale[rows][0])
        for rows in (series == name for name in np.unique(series))
    ]
    assert value("rmsse", case, judging) == pytest.approx(np.mean(of_series))


def test_a_forecast_of_quantiles_is_judged_by_its_middle() -> None:
    case, _ = case_of("wape", [1.0, 2.0], [[0, 1, 9], [0, 2, 9]], OutputKind.QUANTILES, levels=(0.1, 0.5, 0.9))
    assert case.answers.tolist() == [1, 2]


# --- ranking: scikit-learn ---


def ranked(queries: int = 30, size: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Query, relevance and score of each row."""
    relevance = RANDOM.integers(0, 4, (queries, size)) * (RANDOM.random((queries, size)) < 0.4)
    relevance[:, 0] = 1  # scikit-learn has no name for a query without a relevant item
    scores = relevance + RANDOM.normal(0, 2, (queries, size))
    return np.repeat(np.arange(queries), size), relevance, scores


def test_rankings_agree_with_scikit_learn() -> None:
    query, relevance, scores = ranked()
    order = RANDOM.permutation(len(query))
    case, judging = case_of(
        "ndcg_at_5",
        relevance.ravel()[order],
        scores.ravel()[order],
        OutputKind.SCORES,
        {"user": query[order]},
        query="user",
    )
    assert value("ndcg_at_5", case, judging) == pytest.approx(sklearn.metrics.ndcg_score(relevance, scores, k=5))
    assert value("ndcg_at_10", case, judging) == pytest.approx(sklearn.metrics.ndcg_score(relevance, scores, k=10))
    first = (relevance > 0).astype(int)
    best = [
        1 / (1 + next(place for place, item in enumerate(np.argsort(-row)) if marks[item]))
        for row, marks in zip(scores, first, strict=True)
    ]
    assert value("mrr", case, judging) == pytest.approx(np.mean(best))
    found = [marks[np.argsort(-row)[:5]].sum() / marks.sum() for row, marks in zip(scores, first, strict=True)]
    assert value("recall_at_5", case, judging) == pytest.approx(np.mean(found))


def test_item_scores_say_the_same_as_one_score_a_row() -> None:
    query, relevance, scores = ranked()
    marks = (relevance > 0).astype(int)
    rows, by_row = case_of("ndcg_at_5", marks.ravel(), scores.ravel(), OutputKind.SCORES, {"user": query}, query="user")
    relevant = lists(*(np.flatnonzero(row).tolist() for row in marks))
    items, by_item = case_of("ndcg_at_5", relevant, scores, OutputKind.ITEM_SCORES)
    for name in ("ndcg_at_5", "recall_at_3", "mrr"):
        assert value(name, items, by_item) == pytest.approx(value(name, rows, by_row)), name


def test_a_model_that_scores_everything_alike_earns_nothing() -> None:
    case, judging = case_of("mrr", lists([0], [4], [9]), np.zeros((3, 10)), OutputKind.ITEM_SCORES)
    assert value("mrr", case, judging) == pytest.approx(0.1)


def test_coverage_and_popularity_look_at_what_is_shown() -> None:
    relevant = lists(["a"], ["a"], ["a", "b"], ["d"])
    scores = np.array([[9, 5, 1, 0], [9, 5, 1, 0], [9, 5, 1, 0], [5, 9, 1, 0]])
    case, judging = case_of("item_coverage_at_1", relevant, scores, OutputKind.ITEM_SCORES, labels=list("abcd"))
    assert value("item_coverage_at_1", case, judging) == 0.5  # a and b of four
    # Of three other rows, as many need what is shown: 2, 2, 2 (a) and 1 (b); and what is needed: 2, 2, (2 + 0) / 2, 0
    assert value("popularity_bias_at_1", case, judging) == pytest.approx((7 / 3) / (5 / 3) - 1)


def test_an_item_that_the_model_does_not_know_is_never_found() -> None:
    case, judging = case_of(
        "recall_at_2", lists(["new"], ["a"]), [[1, 2], [2, 1]], OutputKind.ITEM_SCORES, labels=["a", "b"]
    )
    assert value("recall_at_2", case, judging) == 0.5


def test_the_best_of_many_items_take_little_more_memory_than_the_scores() -> None:
    scores = np.random.default_rng(0).normal(0, 1, (2_000, 3_000)).astype(np.float32)
    tracemalloc.start()
    case, _ = case_of("ndcg_at_10", np.arange(2_000), scores, OutputKind.ITEM_SCORES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < scores.nbytes
    assert case.scores is not None
    np.testing.assert_array_equal(case.scores, np.argsort(-scores, axis=1, kind="stable")[:, :10])


# --- retrieval: scikit-learn ---


def test_embeddings_agree_with_scikit_learn() -> None:
    groups = np.repeat(np.arange(20), 3)
    vectors = RANDOM.normal(0, 1, (20, 4))[groups] + RANDOM.normal(0, 0.7, (60, 4))
    case, judging = case_of("pair_f1", groups, vectors, OutputKind.EMBEDDING, threshold=0.8)
    similar = np.array([[1 - cosine(one, other) for other in vectors] for one in vectors])
    same, others = groups[:, None] == groups, ~np.eye(60, dtype=bool)
    upper = np.triu(others)
    assert value("pair_f1", case, judging) == pytest.approx(
        sklearn.metrics.f1_score(same[upper], similar[upper] >= 0.8)
    )
    precisions = [
        sklearn.metrics.average_precision_score(same[row][others[row]], similar[row][others[row]]) for row in range(60)
    ]
    assert value("mean_average_precision", case, judging) == pytest.approx(np.mean(precisions))
    nearest = [np.flatnonzero(others[row])[np.argsort(-similar[row][others[row]])[:2]] for row in range(60)]
    found = [same[row][nearest[row]].sum() / 2 for row in range(60)]
    assert value("recall_at_2", case, judging) == pytest.approx(np.mean(found))


def test_equal_embeddings_find_nothing() -> None:
    case, judging = case_of(
        "recall_at_1", np.repeat(np.arange(10), 2), np.ones((20, 3)), OutputKind.EMBEDDING, kind="retrieval"
    )
    assert value("recall_at_1", case, judging) == 0


# --- image to image ---


def picture(seed: int) -> np.ndarray:
    """A picture of 3 × 16 × 20 with 8-bit values that is smooth enough to have a structure; no random numbers, so that any
    library can make it: sin of the place."""
    channel, row, column = np.meshgrid(np.arange(3), np.arange(16), np.arange(20), indexing="ij")
    return np.round(127 + 100 * np.sin(0.3 * row + 0.2 * column + channel + seed)).astype(np.uint8)


def test_pictures_agree_with_scikit_image() -> None:
    truth = np.stack([picture(0), picture(1)])
    answers = np.clip(truth.astype(int) + np.round(12 * np.cos(np.arange(960)).reshape(3, 16, 20)).astype(int), 0, 255)
    case, judging = case_of("psnr", truth.reshape(2, -1), answers.astype(np.float32), OutputKind.IMAGE)
    # scikit-image 0.26: peak_signal_noise_ratio(data_range=255) and structural_similarity(channel_axis=0, data_range=255,
    # gaussian_weights=True, sigma=1.5, use_sample_covariance=False) of each picture
    assert value("psnr", case, judging) == pytest.approx(PSNR, rel=1e-6)
    assert value("ssim", case, judging) == pytest.approx(SSIM, rel=1e-5)


PSNR, SSIM = 29.522247542127033, 0.9621707491928545


def test_equal_pictures_have_a_bound() -> None:
    truth = np.stack([picture(0)])
    case, judging = case_of("ssim", truth.reshape(1, -1), truth, OutputKind.IMAGE)
    assert (value("psnr", case, judging), value("ssim", case, judging)) == (100, pytest.approx(1))


def test_small_pictures_are_judged_whole() -> None:
    truth = RANDOM.random((5, 1, 8, 8))
    case, judging = case_of("ssim", truth.reshape(5, 64), truth * 0.5, OutputKind.IMAGE)
    assert 0 < value("ssim", case, judging) < 0.9


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.CUSTOM])  # whose scorer reads what it likes
def test_a_model_that_answers_something_else_reads_what_is_needed(kind: Kind) -> None:
    wrong = OutputKind.IMAGE if kind is not Kind.IMAGE_TO_IMAGE else OutputKind.LABEL
    more = {"reward": "r", "propensity": "p"} if kind is Kind.POLICY else {}
    judging = Judging(kind=kind, metric=KINDS_METRIC[kind], **more)
    with pytest.raises(GateFailedError, match=rf"the model answers {wrong}; .* needs {re.escape(KINDS[kind].needs)}"):
        KINDS[kind].read(Held(judging, np.zeros(2)), Answers([Output(np.zeros((2, 2)), wrong)]), None)


KINDS_METRIC = {
    Kind.CLASSIFICATION: "accuracy", Kind.MULTILABEL: "f1_micro", Kind.REGRESSION: "mae", Kind.QUANTILES: "pinball",
    Kind.FORECASTING: "wape", Kind.RANKING: "mrr", Kind.RETRIEVAL: "pair_f1", Kind.IMAGE_TO_IMAGE: "ssim",
    Kind.POLICY: "snips",
}  # fmt: skip


def test_large_groups_are_ranked_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = RANDOM.integers(0, 30, 200)
    vectors = RANDOM.normal(0, 1, (30, 4))[groups] + RANDOM.normal(0, 0.7, (200, 4))
    case, judging = case_of("pair_f1", groups, np.round(vectors), OutputKind.EMBEDDING)
    counted = [value(name, case, judging) for name in ("mean_average_precision", "recall_at_3")]
    monkeypatch.setattr(retrieval, "_FEW", 0)
    assert [value(name, case, judging) for name in ("mean_average_precision", "recall_at_3")] == counted


# --- policy: a world of which the value of each policy is known ---


def bandit(rows: int) -> dict[str, np.ndarray]:
    """A context, the action of a logging policy with its propensity, and a reward of mean 1 where both are equal, else 0.2."""
    context = RANDOM.integers(0, 3, rows)
    chances = np.full((rows, 3), 0.25)
    chances[np.arange(rows), (context + 1) % 3] = 0.5  # it prefers a wrong action
    action = (chances.cumsum(axis=1) < RANDOM.random((rows, 1))).sum(axis=1)
    reward = np.where(action == context, 1.0, 0.2) + RANDOM.normal(0, 0.3, rows)
    return {"context": context, "target": action, "paid": reward, "chance": chances[np.arange(rows), action]}


@pytest.mark.parametrize("metric", ["ips", "snips", "dr", "switch_dr", "dm"])
def test_a_policy_earns_what_it_would_have_earned(metric: str) -> None:
    log = bandit(40_000)
    policy = np.full((40_000, 3), 0.1)
    policy[np.arange(40_000), log["context"]] = 0.8
    judging = Judging(metric=metric, reward="paid", propensity="chance")
    predicted = np.where(np.arange(3) == log["context"][:, None], 1.0, 0.2)
    outputs = [Output(policy, OutputKind.PROBABILITIES), Output(predicted, OutputKind.VALUE)]
    case = KINDS[Kind.POLICY].read(Held(judging, log["target"], log), Answers(outputs), None)
    estimate = KINDS[Kind.POLICY].metric(metric, judging)(case)
    low, high = interval(estimate)
    assert estimate.value == pytest.approx(0.8 * 1.0 + 0.2 * 0.2, abs=0.02)
    assert low - 0.005 <= 0.84 <= high + 0.005
    weight = policy[np.arange(40_000), log["target"]] / log["chance"]
    assert value("effective_sample_size", case, judging) == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert value("largest_weight", case, judging) == pytest.approx(3.2)


def test_a_doubly_robust_estimate_needs_no_predicted_rewards_and_a_direct_one_does() -> None:
    log = bandit(20_000)
    case, judging = case_of(
        "dr",
        log["target"],
        np.eye(3)[log["context"]],
        OutputKind.PROBABILITIES,
        log,
        reward="paid",
        propensity="chance",
    )
    assert value("dr", case, judging) == pytest.approx(1.0, abs=0.03)
    with pytest.raises(GateFailedError, match="dm needs a second output, kind value"):
        value("dm", case, judging)


def test_an_impossible_propensity_is_refused_in_a_sentence() -> None:
    log = bandit(20) | {"chance": np.zeros(20)}
    with pytest.raises(GateFailedError, match="propensity: the column holds values that are not above 0"):
        case_of(
            "ips",
            log["target"],
            np.eye(3)[log["context"]],
            OutputKind.PROBABILITIES,
            log,
            reward="paid",
            propensity="chance",
        )


def test_lists_of_items_are_compared_row_by_row() -> None:
    relevant = lists([0, 1], [], [2])
    one, _ = case_of("mrr", relevant, [[3, 2, 1]] * 3, OutputKind.ITEM_SCORES)
    same, _ = case_of("mrr", relevant, [[3, 2, 1]] * 3, OutputKind.ITEM_SCORES)
    other, _ = case_of("mrr", relevant, [[1, 2, 3]] * 3, OutputKind.ITEM_SCORES)
    assert one.same_answers(same)
    assert not one.same_answers(other)


def test_no_label_anywhere_is_no_score_and_no_crash() -> None:
    case, judging = case_of(
        "f1_macro", np.zeros((60, 3)), np.zeros((60, 3)), OutputKind.PROBABILITIES, kind="multilabel"
    )
    estimate = KINDS[Kind.MULTILABEL].metric("f1_macro", judging)(case)
    assert (estimate.value, interval(estimate)) == (0, (0, 1))
