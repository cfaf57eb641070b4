"""evaluate: the packaged model on rows that the submitter's code never saw, beside the champion on the same rows."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.datasets import put_dataset
from tests.support.stage_bench import SPEC, StageBench, points
from tests.support.tiny_model import WRONG, saved_model

from jinsu.confined import evaluate as module
from jinsu.confined.evaluate import compare
from jinsu.confined.tasks import FINDINGS, Evaluate
from jinsu.data.known import fresh_rows
from jinsu.data.plan import EVAL_FILE
from jinsu.errors import GateFailedError, TransientError
from jinsu.evaluation.report import Report
from jinsu.evaluation.score import Score
from jinsu.lifecycle.evaluate import as_points
from jinsu.registry.mlflow import CHAMPION
from jinsu.runs.journal import output_of, rules_of
from jinsu.runs.stages import ORDER, Evaluated, Packaged, StageName, Validated
from jinsu.sdk.columns import read_columns
from jinsu.state.states import StageState, SubmissionState

BenchAfter = Callable[[StageName | None], StageBench]
BLIND = ((0.0, 0.05), (0.0, 1.0))  # looks at `b` only, which says little


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.PACKAGE)


@pytest.fixture
def beside_champion(bench_after: BenchAfter) -> StageBench:
    """Version 1 is the champion; what the test trains next is compared with it."""
    return bench_after(StageName.PROMOTE)


def evaluate(bench: StageBench) -> Evaluated:
    found = bench.carry_out(StageName.EVALUATE)
    assert isinstance(found, Evaluated)
    return found


def packaged(bench: StageBench, model: dict[str, bytes], **overrides: Any) -> None:
    """Makes the bench's run one whose script saved this model, and packages it."""
    bench.run = bench.another_run(
        StageName.VALIDATE_DATA, train__params={"model": len(bench.launcher.starts)}, **overrides
    )
    key = bench.start_training(bench.run, 0)
    bench.launcher.finish(key, model)
    for stage in ORDER[2:4]:
        bench.carry_out(stage)


def report_of(bench: StageBench, evaluated: Evaluated) -> Report:
    found = bench.installation.steps.document(Report, evaluated.run_key, FINDINGS)
    assert isinstance(found, Report)
    return found


def kept(bench: StageBench) -> Evaluated:
    found = output_of(bench.stage(StageName.EVALUATE))
    assert isinstance(found, Evaluated)
    return found


# --- Without a champion ---


def test_a_first_model_is_scored_on_the_held_out_rows(bench: StageBench) -> None:
    evaluated = evaluate(bench)

    split = bench.installation.journal.output(Validated, bench.run).run_key
    rows = len(read_columns(bench.installation.steps.out(split) / EVAL_FILE)["label"])
    assert (evaluated.metric, evaluated.rows, evaluated.champion, evaluated.gain) == ("accuracy", rows, None, None)
    assert evaluated.overall.value == 1.0
    assert evaluated.overall.low < 1.0  # no amount of rows makes a model certain
    report = report_of(bench, evaluated)
    assert report.passed
    assert (report.note, report.champion) == ("", None)
    assert set(report.slices) == {"label"}
    assert set(report.slices["label"]) == {"0", "1"}


def test_its_numbers_become_metrics_of_the_mlflow_run(bench: StageBench) -> None:
    evaluated = evaluate(bench)
    metrics = bench.mlflow.runs[bench.submission.mlflow_run].metrics

    assert {name: points[0][0] for name, points in metrics.items()}.items() >= {
        "eval_accuracy": evaluated.overall.value,
        "eval_accuracy_low": evaluated.overall.low,
        "eval_accuracy_high": evaluated.overall.high,
    }.items()
    assert "eval_gain_over_champion" not in metrics


def test_a_model_below_the_floor_ends_the_run_and_keeps_what_was_measured(bench: StageBench) -> None:
    packaged(bench, saved_model(WRONG))
    with pytest.raises(GateFailedError, match=r"accuracy is 0\.0000, min asks for 0\.7\. See the evaluation"):
        evaluate(bench)

    assert bench.submission.state is SubmissionState.FAILED
    assert kept(bench).overall.value == 0.0
    assert report_of(bench, kept(bench)).reasons
    assert bench.mlflow.runs[bench.submission.mlflow_run].metrics["eval_accuracy"][0][0] == 0.0


@pytest.mark.parametrize("floor", [1.0, 0.9999])
def test_a_floor_may_be_reached_exactly(bench: StageBench, floor: float) -> None:
    bench.run = bench.another_run(StageName.PACKAGE, "olga", problem__min=floor)
    assert evaluate(bench).overall.value == 1.0


OWN = "kind: custom, metric: profit, scorer: scorer.py, direction: maximize, guardrails: {profit_low: '>= 0.1'}"


def test_the_scorer_of_the_admitted_version_scores(bench: StageBench) -> None:
    """Another scorer is another evaluation, and an older run keeps the one of its day."""
    spec = SPEC.replace("metric: accuracy", OWN)
    twice = "def score(truth, outputs, rows):\n    return {'profit': truth * 0 + 2, 'profit_low': rows['a'] > -99}\n"
    first = bench.another_run(StageName.PACKAGE, "olga", "first", code=bench.code(spec, scorer=twice))
    other = bench.code(spec, scorer=twice.replace("+ 2", "+ 3"))
    second = bench.another_run(StageName.PACKAGE, "olga", "second", code=other)

    values = {}
    for run in (second, first):
        bench.run = run
        evaluated = evaluate(bench)
        values[run] = evaluated.overall.value
        assert set(report_of(bench, evaluated).others) == {"profit_low"}
        logged = bench.mlflow.runs[bench.submission.mlflow_run].metrics
        assert logged["eval_profit_low"][0][0] == evaluated.overall.low  # a scorer's name never hides ours
    assert values == {first: 2.0, second: 3.0}


def test_a_scorer_that_fails_ends_the_run_with_its_line(bench: StageBench) -> None:
    code = bench.code(SPEC.replace("metric: accuracy", OWN), scorer="def score(truth, outputs, rows):\n    return truth['x']\n")
    bench.run = bench.another_run(StageName.PACKAGE, "olga", "fails", code=code)
    with pytest.raises(GateFailedError, match=r"scorer\.py: line 2: IndexError: "):
        evaluate(bench)


def test_a_score_that_is_no_number_is_recorded_and_fails(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Score(math.nan, math.nan, math.nan, 48)
    report = Report("accuracy", nothing, {}, {}, None, None, reasons=("accuracy is nan, which is no number",))
    monkeypatch.setattr(module, "compare", lambda *_: report)

    with pytest.raises(GateFailedError, match="which is no number"):
        evaluate(bench)

    assert math.isnan(kept(bench).overall.value)
    json.loads(json.dumps(bench.stage(StageName.EVALUATE).output, allow_nan=False))


def test_a_model_with_one_answer_for_every_row_is_named_to_the_reviewer(bench: StageBench) -> None:
    packaged(bench, saved_model(((0.0, 0.0), (0.0, 0.0))), submitter="olga", problem__min=0.1)
    evaluated = evaluate(bench)
    assert "the model answers every row alike, '0'" in evaluated.warnings
    assert any("is no better than" in warning for warning in evaluated.warnings)


# --- Beside the champion ---


def test_the_champion_answers_the_same_rows(beside_champion: StageBench) -> None:
    packaged(
        beside_champion, saved_model(((0.0, 3.0), (0.0, 0.9))), submitter="olga", problem__vs_champion=-0.2
    )  # a margin that so few rows can show
    evaluated = evaluate(beside_champion)
    report = report_of(beside_champion, evaluated)

    assert evaluated.champion == "1"
    assert report.champion is not None
    assert report.champion.value == 1.0
    assert evaluated.gain is not None
    assert evaluated.gain.value == pytest.approx(evaluated.overall.value - 1.0)
    points = beside_champion.mlflow.runs[beside_champion.submission.mlflow_run].metrics["eval_gain_over_champion"]
    assert points[0][0] == evaluated.gain.value


def test_a_model_that_is_worse_than_the_champion_is_refused(beside_champion: StageBench) -> None:
    packaged(beside_champion, saved_model(BLIND), submitter="olga", problem__min=0.1)
    with pytest.raises(GateFailedError, match=r"differs from the champion's by -0\.\d+ \(.*\), vs_champion asks"):
        evaluate(beside_champion)

    found = kept(beside_champion).gain
    assert found is not None
    assert found.value < -0.05


def test_a_model_that_few_rows_cannot_show_to_be_as_good_is_refused(beside_champion: StageBench) -> None:
    packaged(beside_champion, saved_model(((0.0, 3.0), (0.0, 0.9))), submitter="olga", problem__vs_champion=-0.03)
    with pytest.raises(
        GateFailedError, match=r"44 held-out rows are not enough to show that the difference is >= -0\.03"
    ):
        evaluate(beside_champion)


def test_a_model_is_compared_anew_with_another_champion(beside_champion: StageBench) -> None:
    packaged(beside_champion, saved_model())
    first = evaluate(beside_champion)
    beside_champion.installation.mlflow.drop_alias("toy", CHAMPION, "1")
    second = evaluate(beside_champion)

    assert first.run_key != second.run_key
    assert (first.champion, second.champion) == ("1", None)


def test_a_champion_of_unknown_origin_is_none(bench: StageBench) -> None:
    """An alias on a version that Jinsu did not register; nothing of it is here to be asked."""
    mlflow, run = bench.installation.mlflow, bench.submission.mlflow_run
    mlflow.ensure_model("toy", {})
    mlflow.set_alias("toy", CHAMPION, mlflow.create_version("toy", f"runs:/{run}/model", run, {}, ""))

    assert evaluate(bench).champion is None


def test_a_champion_that_cannot_answer_these_rows_is_no_fault_of_the_candidate(
    beside_champion: StageBench, no_great_expectations: None
) -> None:
    packaged(beside_champion, saved_model(((0.0, 3.0),)), submitter="olga", problem__features=["a"], problem__min=0.5)
    evaluated = evaluate(beside_champion)

    assert (evaluated.champion, evaluated.gain) == ("1", None)
    note = report_of(beside_champion, evaluated).note
    assert note.startswith("the champion could not answer the same rows: features ['a']")


def test_without_mlflow_nothing_is_compared(bench: StageBench) -> None:
    """Nobody knows the champion then, and a comparison with none would pass."""
    bench.mlflow.down = True
    with pytest.raises(TransientError):
        evaluate(bench)

    assert bench.stage(StageName.EVALUATE).state is StageState.WAITING
    bench.mlflow.down = False
    assert evaluate(bench).overall.value == 1.0


def test_equal_questions_are_answered_once(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate(bench)
    monkeypatch.setattr(module, "compare", None)  # whoever calls it now fails
    bench.run = bench.another_run(StageName.PACKAGE, submitter="eve")

    assert evaluate(bench) == first


# --- Pure parts ---


def test_the_candidate_answers_for_itself_and_not_for_rows_of_training(bench: StageBench) -> None:
    rules = rules_of(bench.submission)
    details = Evaluate(rules.judging, rules.target, rules.features, rules.split.column, champion=True)
    package = bench.installation.journal.output(Packaged, bench.run).run_key
    folder = bench.installation.steps.out(package)
    a = np.asarray([1.0, -1.0, 1.0, -1.0])
    columns = {"a": a, "b": np.zeros(4), "label": np.asarray([1, 0, 0, 1])}

    report = compare(details, columns, folder, folder)

    assert (report.overall.value, report.overall.rows) == (0.5, 4)
    assert report.gain is not None
    assert report.gain.value == 0.0
    assert report.confusion == [[1, 1], [1, 1]]


def test_metrics_carry_the_time_that_they_are_given() -> None:
    score = Score(0.9, 0.8, 0.95, 48)
    report = Report("mae", score, {"rmse": replace(score, value=1.5)}, {}, score, replace(score, value=-0.01))
    points = {point.name: (point.value, point.step, point.time) for point in as_points(report, 12.5)}

    assert points == {
        "eval_mae": (0.9, 0, 12.5),
        "eval_mae_low": (0.8, 0, 12.5),
        "eval_mae_high": (0.95, 0, 12.5),
        "eval_rmse": (1.5, 0, 12.5),
        "eval_gain_over_champion": (-0.01, 0, 12.5),
    }


def test_a_champion_is_compared_on_rows_that_it_did_not_train_on(bench: StageBench) -> None:
    rules = rules_of(bench.submission)
    details = Evaluate(rules.judging, rules.target, rules.features, "part", champion=True, trained=True)
    package = bench.installation.journal.output(Packaged, bench.run).run_key
    folder = bench.installation.steps.out(package)
    a = np.linspace(-1, 1, 60)
    columns = {"a": a, "b": np.zeros(60), "label": (a > 0).astype(int), "part": np.full(60, "test", dtype=object)}
    earlier = {name: column[:20] for name, column in columns.items()} | {"part": np.full(20, "train", dtype=object)}

    names = ["a", "b", "label"]
    report = compare(details, columns, folder, folder, fresh_rows(pa.table(columns), pa.table(earlier), names))

    assert (report.overall.rows, report.known_rows) == (60, 20)
    assert report.champion is not None
    assert report.gain is not None
    assert (report.champion.rows, report.gain.rows) == (40, 40)
    nothing_new = compare(details, columns, folder, folder, np.zeros(60, bool))
    assert (nothing_new.champion, nothing_new.gain) == (None, None)
    assert nothing_new.note == "the champion trained on every held-out row, so it is compared on none"


def test_rows_that_a_column_moves_into_the_held_out_part_are_not_compared(bench_after: BenchAfter) -> None:
    bench = bench_after(None)

    def put(parts: list[str]) -> None:
        table = points()
        column = pa.array([parts[row % len(parts)] for row in range(len(table))])
        pq.write_table(table.append_column("part", column), bench.home / "parted.parquet")
        put_dataset(bench.installation.objects, "parted", bench.home / "parted.parquet", "ann")

    given = {
        "name": "parted", "problem__dataset": "parted", "problem__features": ["a", "b"], "problem__slices": [],
        "problem__split": {"column": "part", "held": ["test"]}, "problem__vs_champion": -0.5,
    }  # fmt: skip
    put(["train", "train", "test"])
    bench.installation.ownership.claim(bench.person("ann"), "parted")
    bench.run = bench.another_run(StageName.PROMOTE, "olga", "first", **given)
    put(["train", "test", "test"])
    bench.run = bench.another_run(StageName.PACKAGE, "olga", "second", **given)

    report = report_of(bench, evaluate(bench))
    assert report.champion is not None
    assert report.known_rows == report.overall.rows // 2
    assert report.champion.rows == report.overall.rows - report.known_rows


@pytest.mark.parametrize(
    ("held", "trained"),
    [([1, 2], [1.0, 3.0]), (["x", None], ["x", "y"]), ([True, False], [1, 2]), ([[1, 2], [3, 4]], [[1, 2], [5, 6]])],
    ids=["numbers", "texts", "booleans", "vectors"],
)
def test_a_row_is_known_by_its_values(held: list[Any], trained: list[Any]) -> None:
    assert fresh_rows(pa.table({"v": held}), pa.table({"v": trained}), ["v", "new"]).tolist() == [False, True]
