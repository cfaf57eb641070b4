"""Scores that agree with scikit-learn, intervals with known values, and verdicts that NaN cannot pass."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case
from jinsu.evaluation.intervals import wilson
from jinsu.evaluation.kinds import classes, classification, regression
from jinsu.evaluation.kinds.kind import Held, Output
from jinsu.evaluation.labels import as_text, codes_of, fold, folded_share
from jinsu.evaluation.metrics import difference as difference_of
from jinsu.evaluation.metrics import score_of
from jinsu.evaluation.registry import KINDS
from jinsu.evaluation.report import Report, judge
from jinsu.evaluation.score import Score
from jinsu.packaging.inputs import feature_columns, model_inputs, refused_rows
from jinsu.packaging.manifest import Input
from jinsu.spec.metrics import Kind, better_of, kind_of, measures
from jinsu.spec.problem import Judging

METRICS = {**classification.METRICS, **regression.METRICS}
REFERENCE = {
    "accuracy": sklearn.metrics.accuracy_score,
    "balanced_accuracy": sklearn.metrics.balanced_accuracy_score,
    "f1_macro": lambda truth, guess: sklearn.metrics.f1_score(truth, guess, average="macro"),
    "mae": sklearn.metrics.mean_absolute_error,
    "rmse": sklearn.metrics.root_mean_squared_error,
}
LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)
TRUTH = np.zeros(100)
NUMBERS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=60)


def rules(metric: str = "accuracy", **more: Any) -> Judging:
    return Judging(metric=metric, **more)


def cases(metric: str, truth: Any, *answers: Any) -> list[Case]:
    """One case a model: classes as places among all texts that occur, or numbers."""
    if kind_of(metric) is Kind.REGRESSION:
        return [Case(np.asarray(truth, float), np.asarray(guess, float)) for guess in answers]
    texts: list[str] = []
    true, *guesses = [codes_of(as_text(np.asarray(values)), texts) for values in (truth, *answers)]
    return [Case(true, guess, classes=texts) for guess in guesses]


def value_of(metric: str, truth: Any, guess: Any) -> float:
    return METRICS[metric](cases(metric, truth, guess)[0]).value


def score(metric: str, truth: Any, guess: Any) -> Score:
    return score_of(METRICS[metric](cases(metric, truth, guess)[0]), None)


def difference(metric: str, truth: Any, candidate: Any, champion: Any) -> Score:
    ours, theirs = cases(metric, truth, candidate, champion)
    return difference_of(METRICS[metric](ours), METRICS[metric](theirs), better_of(metric), None)


def judged(
    wanted: Judging, truth: Any, guess: Any, columns: dict[str, np.ndarray], champion: Any, folded: float = 0.0
) -> Report:
    """The verdict on answers that are classes or numbers, without scores."""
    ours, *theirs = cases(wanted.metric, truth, *([guess] if champion is None else [guess, champion]))
    return judge(Held(wanted, np.asarray(truth), columns), ours, theirs[0] if theirs else None, None, folded)


def decode(outputs: np.ndarray, metric: str, labels: Any) -> np.ndarray:
    """The answers that a problem with this metric reads in an output."""
    output = Output(outputs, labels=labels)
    return regression.decode(output, rules(metric)) if kind_of(metric) is Kind.REGRESSION else classes.decode(output)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1_macro"])
@given(LABELS)
@settings(deadline=None)
def test_classification_agrees_with_scikit_learn(name: str, pairs: list[tuple[int, int]]) -> None:
    truth, guess = np.array(pairs).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn mentions classes that only the answers have
        assert value_of(name, truth, guess) == pytest.approx(REFERENCE[name](truth, guess))


@pytest.mark.parametrize("name", ["mae", "rmse"])
@given(NUMBERS)
@settings(deadline=None)
def test_regression_agrees_with_scikit_learn(name: str, pairs: list[tuple[float, float]]) -> None:
    truth, guess = np.array(pairs).T
    assert value_of(name, truth, guess) == pytest.approx(REFERENCE[name](truth, guess))


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1_macro"])
def test_labels_may_be_words(name: str) -> None:
    truth = np.array(["cat", "dog", "dog", "bird"], dtype=object)
    guess = np.array(["cat", "dog", "cat", "bird"])
    assert value_of(name, truth, guess) == pytest.approx(REFERENCE[name](truth.astype(str), guess))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind in KINDS])
def test_every_metric_of_the_spec_is_there(kind: Kind) -> None:
    needed = {Kind.FORECASTING: {"scale": "s"}, Kind.POLICY: {"reward": "r", "propensity": "p"}}
    for form in measures(kind):
        name = form.replace("{k}", "5")
        assert callable(
            KINDS[kind].metric(name, Judging(kind=kind, metric=name, **needed.get(kind, {})))
        )


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    # R: binom::binom.confint(hits, rows, methods = "wilson")
    [(0, 10, 0.0, 0.2775328), (10, 10, 0.7224672, 1.0), (8, 10, 0.4901625, 0.9433178), (50, 100, 0.4038315, 0.5961685),
     (1, 1000, 0.0001765, 0.0056425)],
)  # fmt: skip
def test_wilson_has_its_known_values(hits: int, rows: int, low: float, high: float) -> None:
    assert wilson(hits, rows) == pytest.approx((low, high), abs=1e-6)


@given(st.integers(1, 10**6), st.data())
def test_wilson_holds_its_share_within_zero_and_one(rows: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, rows))
    low, high = wilson(hits, rows)
    assert 0 <= low <= high <= 1
    assert low - 1e-9 <= hits / rows <= high + 1e-9


def test_wilson_covers_the_truth_as_often_as_it_says() -> None:
    hits = np.random.default_rng(0).binomial(50, 0.9, 2000)
    covered = np.mean([low <= 0.9 <= high for low, high in (wilson(int(hit), 50) for hit in hits)])
    assert 0.93 < covered < 0.98


@pytest.mark.parametrize("name", [*classification.FROM_LABELS, "mae", "rmse", "r2"])
def test_a_score_lies_in_its_interval_and_more_rows_narrow_it(name: str) -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 3, 1000)
    guess = np.where(chance.random(1000) < 0.8, truth, 0)
    few, many = score(name, truth[:100], guess[:100]), score(name, truth, guess)
    assert few.low <= few.value <= few.high
    assert many.low <= many.value <= many.high
    assert many.high - many.low < few.high - few.low
    assert (few.rows, many.rows) == (100, 1000)
    assert score(name, truth, guess) == many


def test_a_difference_is_above_zero_when_ours_is_better_whatever_the_metric() -> None:
    truth = np.arange(200.0)
    assert difference("mae", truth, truth + 1, truth + 3).value == pytest.approx(2)
    assert difference("rmse", truth, truth + 3, truth + 1).value == pytest.approx(-2)
    assert difference("accuracy", truth, truth, truth + 1).value == 1


def test_a_difference_is_paired() -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 2, 1000)
    theirs = np.where(chance.random(1000) < 0.5, truth, 1 - truth)
    ours = theirs.copy()
    ours[:20] = truth[:20]  # as wrong as theirs on all rows but a few
    gain = difference("accuracy", truth, ours, theirs)
    alone = score("accuracy", truth, ours)
    assert gain.value > 0
    assert gain.low > 0
    assert gain.high - gain.low < (alone.high - alone.low) / 3


def test_equal_answers_differ_by_nothing() -> None:
    truth = np.arange(100) % 3
    report = judged(rules("f1_macro", vs_champion=0), truth, truth[::-1], {}, truth[::-1])
    assert report.gain == Score(0, 0, 0, 100)
    assert report.passed


@pytest.mark.parametrize(
    ("outputs", "labels", "said"),
    [
        ([[0.1, 0.9], [2.0, -1.0]], None, ["1", "0"]),
        ([[0.1, 0.9], [2.0, -1.0]], ["cat", "dog"], ["dog", "cat"]),
        ([[0.1], [-0.1]], None, ["1", "0"]),
        ([0.1, -0.1], ["no", "yes"], ["yes", "no"]),
        ([[0.1, 0.9]], [10, 20], ["20"]),
    ],
)
def test_scores_become_labels(outputs: Any, labels: Any, said: list[Any]) -> None:
    assert decode(np.array(outputs), "accuracy", labels).tolist() == said


@pytest.mark.parametrize("outputs", [[[1.5], [2.5]], [1.5, 2.5]])
def test_numbers_stay_numbers(outputs: Any) -> None:
    assert decode(np.array(outputs), "mae", None).tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("outputs", "metric", "labels"),
    [
        (np.zeros((2, 3)), "mae", None),
        (np.zeros((2, 3, 4)), "accuracy", None),
        (np.eye(3), "accuracy", ["cat", "dog"]),
    ],
    ids=["several numbers a row", "a map a row", "more scores than labels"],
)
def test_answers_that_do_not_fit_are_refused_in_a_sentence(outputs: np.ndarray, metric: str, labels: Any) -> None:
    with pytest.raises(GateFailedError):
        decode(outputs, metric, labels)


def test_unknown_labels_fold_into_the_other_one() -> None:
    target = np.array(["cat", "newt", "dog"], dtype=object)
    assert fold(target, ["cat", "dog", "rest"], "rest").tolist() == ["cat", "rest", "dog"]
    assert fold(target, ["cat", "dog"], None).tolist() == fold(target, None, None).tolist() == ["cat", "newt", "dog"]
    assert fold(np.array([10, 7]), [10, -1], -1).tolist() == ["10", "-1"]


def test_the_share_that_is_given_up_counts_unknown_and_other_rows() -> None:
    target = np.array(["cat", "newt", "rest", "dog"], dtype=object)
    assert folded_share(target, ["cat", "dog", "rest"], "rest") == 0.5
    assert folded_share(target, ["rest"], "rest") == 1
    assert folded_share(target, ["cat"], None) == folded_share(target, None, None) == 0


@pytest.mark.parametrize(
    "target", [np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0]), np.array([False, True, True]), np.array([0, 1, 1], np.uint8)],
    ids=["int", "float", "bool", "uint8"],
)  # fmt: skip
def test_the_truth_may_be_of_any_type_that_counts(target: np.ndarray) -> None:
    guess = decode(np.array([[1.0, 0], [0, 1], [0, 1]]), "accuracy", None)
    assert judged(rules(), fold(target, None, None), guess, {}, None).overall.value == 1


@pytest.mark.parametrize("target", [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True], ["no", "yes", "yes"]], ids=str)
def test_labels_may_be_written_as_the_target_is(target: list[Any]) -> None:
    labels = np.unique(target).tolist()
    guess = decode(np.array([[1.0, 0], [0, 1], [0, 1]]), "accuracy", labels)
    assert judged(rules(), fold(np.array(target), labels, None), guess, {}, None).overall.value == 1
    assert folded_share(np.array(target), labels, labels[0]) == pytest.approx(1 / 3)


def test_a_model_that_gives_up_is_told_so() -> None:
    report = judged(rules(max_folded=0.05), TRUTH, TRUTH, {}, None, folded=0.3)
    assert report.reasons == ("the model gives up the class of 30.0% of the rows, max_folded allows 5%",)
    assert judged(rules(max_folded=0.05), TRUTH, TRUTH, {}, None, folded=0.05).passed


def test_a_good_model_passes_and_its_report_is_whole() -> None:
    truth = np.arange(300) % 3
    guess = truth.copy()
    guess[:10] = (truth[:10] + 1) % 3
    report = judged(
        rules(min=0.9, vs_champion=-0.01, slices=["day"]), truth, guess, {"day": np.arange(300) // 150}, guess
    )
    assert report.passed
    assert report.overall.value == pytest.approx(290 / 300)
    assert set(report.others) == {"balanced_accuracy", "f1_macro", "f1_weighted"}
    assert {name: part.rows for name, part in report.slices["day"].items()} == {"0": 150, "1": 150}
    assert report.slices["day"]["1"].value == 1
    assert np.array(report.confusion).sum() == 300
    assert np.trace(np.array(report.confusion)) == 290
    assert report.labels == ["0", "1", "2"]
    assert report.champion == report.overall


@pytest.mark.parametrize(
    ("wanted", "guess", "champion", "reason"),
    [
        (rules(min=0.9), TRUTH + 1, None, "accuracy is 0.0000, min asks for 0.9"),
        (rules("mae", max=0.5), TRUTH + 1, None, "mae is 1.0000, max allows 0.5"),
        (rules(vs_champion=-0.002), TRUTH + 1, TRUTH, "differs from the champion's by -1.0000 ("),
        (rules("mae", vs_champion=0), TRUTH + 1, TRUTH, "differs from the champion's by -1.0000"),
        (rules(guardrails={"f1_macro": ">= 0.9"}), TRUTH + 1, None, "f1_macro is 0.0000, guardrails.f1_macro asks for >= 0.9"),
        (rules("mae", guardrails={"rmse": "<= 0.5"}), TRUTH + 1, None, "rmse is 1.0000, guardrails.rmse asks for <= 0.5"),
        (rules("mae", guardrails={"rmse": "<= 0.5"}), TRUTH + np.nan, None, "rmse is nan, guardrails.rmse asks for <= 0.5"),
        (rules("mae"), TRUTH + np.nan, None, "mae is nan, which is no number"),
        (rules("rmse"), TRUTH + np.inf, None, "rmse is inf, which is no number"),
    ],
)  # fmt: skip
def test_a_bad_model_is_told_why(wanted: Judging, guess: np.ndarray, champion: np.ndarray | None, reason: str) -> None:
    report = judged(wanted, TRUTH, guess, {}, champion)
    assert not report.passed
    assert any(reason in said for said in report.reasons)


def test_every_reason_is_told() -> None:
    assert len(judged(rules(min=0.9, vs_champion=0), TRUTH, TRUTH + 1, {}, TRUTH).reasons) == 2


@pytest.mark.parametrize("metric", ["mae", "rmse"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_none_fails_the_whole(metric: str, bad: float) -> None:
    guess = TRUTH.copy()
    guess[7] = bad
    assert not judged(rules(metric, max=1e9, vs_champion=-1e9), TRUTH, guess, {}, TRUTH).passed


@pytest.mark.parametrize("width", [1, 3])
def test_scores_that_are_no_numbers_are_no_label(width: int) -> None:
    # argmax would call a row of NaN class 0; where most rows are of class 0, that would be a fine model.
    outputs = np.zeros((100, width))
    outputs[50:] = np.nan
    with pytest.raises(GateFailedError, match=r"50.*(not finite|NaN|nan)|(not finite|NaN|nan).*50"):
        decode(outputs, "accuracy", None)


def test_without_a_champion_there_is_nothing_to_compare() -> None:
    report = judged(rules(vs_champion=0.5), TRUTH, TRUTH, {}, None)
    assert report.passed
    assert report.champion is None
    assert report.gain is None


@pytest.mark.parametrize("label", ["²", "--1", "-", "1e5", "nan", "", "é"])
def test_any_word_may_be_a_label(label: str) -> None:
    truth = np.array([label, "a"] * 5)
    report = judged(rules(slices=["l"]), truth, truth, {"l": truth}, None)
    assert set(report.labels) == {label, "a"}


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1_macro"])
def test_a_missing_label_is_a_wrong_answer_not_a_crash(metric: str) -> None:
    truth = np.array(["a", None, "b", "a"], dtype=object)
    report = judged(rules(metric), truth, np.array(["a", "a", "b", "a"]), {}, None)
    assert 0 < report.overall.value < 1


@pytest.mark.parametrize(
    "column", [np.array(["a", None] * 5, dtype=object), np.arange(10.0), np.zeros((10, 4))],
    ids=["with gaps", "of numbers", "of vectors"],
)  # fmt: skip
def test_any_column_may_be_sliced_or_is_refused_in_a_sentence(column: np.ndarray) -> None:
    truth = np.arange(10) % 2
    try:
        report = judged(rules(slices=["s"]), truth, truth, {"s": column}, None)
    except GateFailedError as problem:
        assert "s" in str(problem)  # noqa: PT017
    else:
        assert sum(part.rows for part in report.slices["s"].values()) == 10


def test_many_slices_and_labels_are_cut_to_the_largest() -> None:
    truth = np.concatenate([np.arange(50), np.full(10, 7)])
    report = judged(rules(slices=["s"]), truth, truth, {"s": truth}, None)
    assert len(report.slices["s"]) == len(report.labels) == 20
    assert next(iter(report.slices["s"])) == "7"


# What goes into the model


COLUMNS = {
    "image": np.zeros((3, 64), np.uint8), "a": np.array([1, 2, 3]), "b": np.array([0.5, 1, 2]), "on": np.array([True, False, True]),
    "word": np.array(["x", None, "é"], dtype=object), "label": np.array([0, 1, 0]),
}  # fmt: skip


def model_input(columns: dict[str, np.ndarray], features: list[str], wanted: Input) -> np.ndarray:
    """What a model with one input gets."""
    return model_inputs(columns, features, [wanted])[0]


def test_features_are_those_named_or_all_but_the_target() -> None:
    assert feature_columns(["a", "b", "label"], None, "label") == ["a", "b"]
    assert feature_columns(["a", "b", "label"], ["b", "a"], "label") == ["b", "a"]


@pytest.mark.parametrize(
    ("features", "wanted", "shape"),
    [
        (["image"], Input("input", "float32", (-1, 1, 8, 8)), (3, 1, 8, 8)),
        (["image"], Input("input", "uint8", (-1, 64)), (3, 64)),
        (["a", "b", "on"], Input("input", "float32", (-1, 3)), (3, 3)),
        (["b"], Input("input", "float64", (-1,)), (3,)),
        (["word"], Input("input", "string", (-1,)), (3,)),
    ],
)
def test_columns_become_the_models_input(features: list[str], wanted: Input, shape: tuple[int, ...]) -> None:
    array = model_input(COLUMNS, features, wanted)
    assert array.shape == shape
    assert array.dtype == (object if wanted.dtype == "string" else wanted.dtype)


def test_several_columns_stand_in_the_order_of_the_features() -> None:
    assert model_input(COLUMNS, ["b", "a"], Input("input", "float32", (-1, 2))).tolist() == [[0.5, 1], [1, 2], [2, 3]]


def test_a_missing_text_is_an_empty_one() -> None:
    assert model_input(COLUMNS, ["word"], Input("input", "string", (-1,))).tolist() == ["x", "", "é"]


@pytest.mark.parametrize(
    ("features", "wanted", "said"),
    [
        (["a"], Input("input", "float32", (-1, 2)), r"a row holds 1 values, the model takes \[2\]"),
        (["word"], Input("input", "float32", (-1,)), "not numbers, but the model takes float32"),
        (["a"], Input("input", "string", (-1,)), "the model takes text, one column of it"),
        (["a", "word"], Input("input", "float32", (-1, 2)), "several columns must all be numeric"),
        (["image"], Input("input", "string", (-1,)), "the model takes text"),
    ],
)
def test_columns_that_do_not_fit_are_refused_by_name(features: list[str], wanted: Input, said: str) -> None:
    with pytest.raises(GateFailedError, match=said):
        model_input(COLUMNS, features, wanted)


# --- Slices that gate ---


def sliced(bound: str, right: dict[str, int], rows: int) -> Report:
    """Of so many rows of each shop, so many are right."""
    shops = np.repeat(list(right), rows)
    guess = np.concatenate([np.arange(rows) >= count for count in right.values()]).astype(float)
    return judged(rules(slices={"shop": bound}), np.zeros(len(shops)), guess, {"shop": shops}, None)


def test_a_slice_below_its_bound_is_refused_by_name() -> None:
    report = sliced(">= 0.8", {"north": 95, "south": 60}, 100)
    assert len(report.reasons) == 1
    assert report.reasons[0].startswith("accuracy by shop: 'south' has 0.6000 (")
    assert report.reasons[0].endswith("on 100 rows; slices.shop asks for >= 0.8")
    assert sliced(">= 0.5", {"north": 95, "south": 60}, 100).passed


def test_a_slice_of_few_rows_is_refused_only_when_they_show_it() -> None:
    assert sliced(">= 0.8", {"north": 20, "south": 15}, 20).passed  # 0.75, and 0.53 to 0.89 at 95 %
    assert not sliced(">= 0.8", {"north": 20, "south": 4}, 20).passed


# --- Models of no use ---


@pytest.mark.parametrize(
    ("wanted", "truth", "guess", "sentence"),
    [
        (rules(), [0, 1] * 50, [1, 0] * 50, "accuracy is 0: the model gets nothing right"),
        (rules(), [0, 1] * 50, [1] * 100, "the model answers every row alike, '1'"),
        (rules("mae"), np.arange(100.0), np.full(100, 3.0), "the model answers every row alike"),
        (rules(), [0, 0, 0, 1, 2] * 20, [0, 0, 0, 1, 1] * 20, "the model never answers '2', the class of 20% of the rows"),
        (rules(), [0, 0, 0, 1] * 25, [0, 0, 1, 0] * 25,
         "accuracy 0.5000 is no better than 0.7500, that of a model which answers every row alike"),
        (rules("rmse"), np.arange(100.0), np.arange(100.0)[::-1],
         "rmse 57.7321 is no better than 28.8661, that of a model which answers every row alike"),
    ],
    ids=["nothing right", "one class", "one number", "a class is missing", "no better", "numbers are no better"],
)  # fmt: skip
def test_a_model_of_no_use_is_named(wanted: Judging, truth: Any, guess: Any, sentence: str) -> None:
    report = judged(wanted, truth, guess, {}, None)
    assert sentence in report.warnings
    assert report.passed  # no rule says that it must be of use


def test_a_useful_model_has_no_warning() -> None:
    truth = np.arange(300) % 3
    assert judged(rules(), truth, np.where(np.arange(300) % 10, truth, 0), {}, None).warnings == ()
    assert judged(rules("mae"), truth, truth + 0.1, {}, None).warnings == ()


def test_rows_that_the_server_would_refuse_are_named() -> None:
    columns = {
        "price": np.array([1.0, np.nan, 3.0]),
        "brand": np.array(["a", None, ""], dtype=object),
        "size": np.array([1, 2, 3]),
    }
    price, brand = Input("price", "float32", (-1,)), Input("brand", "string", (-1,))
    size, nullable = Input("size", "int64", (-1,)), Input("price", "float32", (-1,), nullable=True)
    names, asked = list(columns), list[list[str]]()

    def parts(wanted: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        asked.append(list(wanted))
        for rows in (slice(0, 2), slice(2, 3)):
            yield {name: columns[name][rows] for name in wanted}

    assert refused_rows(parts, names, [price, brand, size]) == [
        "1 of 3 held-out rows have no price, and the server refuses a request without it; give jinsu.save an example in which "
        "price is missing too",
        "1 of 3 held-out rows have no brand, and the server refuses a request without it; give jinsu.save an example in which "
        "brand is missing too",
    ]
    assert refused_rows(parts, names, [nullable, size]) == []
    side_by_side = Input("input", "float32", (-1, 2), columns=("size", "price"))
    assert len(refused_rows(parts, names, [side_by_side])) == 1
    assert refused_rows(parts, names, [nullable]) == []
    assert asked == [names, ["size"], ["size", "price"]]  # and no column for an input that may miss its value
