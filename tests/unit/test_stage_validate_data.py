"""validate_data: Great Expectations over every row, and the split that only the platform sees whole."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from tests.support.datasets import put_dataset
from tests.support.splits import holdout_mask
from tests.support.stage_bench import ROWS, SPEC, StageBench, points

from jinsu.codec import decode
from jinsu.confined.tasks import Validation
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE
from jinsu.errors import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    GateFailedError,
    JinsuError,
    NotFoundError,
    TransientError,
)
from jinsu.lifecycle.stages import STEP_STAGES
from jinsu.runs.journal import output_of
from jinsu.runs.problems import split_salt
from jinsu.runs.splits import KnownSplit, Splits
from jinsu.runs.stages import ORDER, StageName, Validated
from jinsu.spec.load import problem_from
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import Base

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.ADMIT)


def validate(bench: StageBench) -> Validated:
    found = bench.carry_out(StageName.VALIDATE_DATA)
    assert isinstance(found, Validated)
    return found


def again(bench: StageBench, key: str, submitter: str = "ann", **change: Any) -> str:
    """The step that divided the rows for another submission."""
    return asked(bench, key, submitter, **change).run_key


def asked(bench: StageBench, key: str, submitter: str = "ann", **change: Any) -> Validated:
    """What another submission's validation leaves."""
    code = {name: change.pop(name) for name in ("expectations", "spec") if name in change}
    bench.submit(submitter, key, bench.code(**code), **change)
    bench.carry_out(StageName.ADMIT)
    return validate(bench)


def named(name: str, split: str = "", spec: str = SPEC) -> str:
    """A model.yaml of another name, and so of another inline problem."""
    return spec.replace("name: toy", f"name: {name}").replace("dataset: points,", f"dataset: points, {split}")


def put(bench: StageBench, table: pa.Table) -> None:
    """Makes the next version of the dataset `points`."""
    pq.write_table(table, bench.home / "next.parquet")
    put_dataset(bench.installation.objects, "points", bench.home / "next.parquet", "ann")


def sides(bench: StageBench, key: str) -> tuple[pa.Table, pa.Table]:
    """The rows to train on, and the held-out ones."""
    out = bench.installation.steps.out(key)
    return pq.read_table(out / TRAIN_FILE), pq.read_table(out / EVAL_FILE)


def features_of(table: pa.Table) -> set[tuple[float, float]]:
    return {(row["a"], row["b"]) for row in table.to_pylist()}


def verdict(bench: StageBench) -> Validation:
    document = json.loads(bench.mlflow.artifact(bench.submission.mlflow_run, "data_validation.json"))
    return decode(Validation, document)


def split_of(bench: StageBench) -> KnownSplit:
    known: KnownSplit = bench.installation.splits.of("toy")
    return known


# --- With Great Expectations ---


def test_rows_that_hold_are_split(bench: StageBench) -> None:
    validated = validate(bench)

    out = bench.installation.steps.out(validated.run_key)
    parts = [pq.read_table(out / name) for name in (TRAIN_FILE, EVAL_FILE)]
    known = split_of(bench)
    assert known.plan is not None
    held = holdout_mask(points(), known.plan, known.salt)
    assert parts[0].equals(points().take(np.flatnonzero(~held)))
    assert parts[1].equals(points().take(np.flatnonzero(held)))
    assert (bench.installation.steps.out(validated.docs) / "data_docs" / validated.page).read_text().count("<html") == 1
    assert (validated.rows, validated.checks) == (ROWS, 6)  # one of the submitter's, and what is always demanded
    found = verdict(bench)
    assert (found.passed, found.rows) == (True, ROWS)
    assert any("between" in check.expectation and "max_value=10" in check.expectation for check in found.checks)


def test_rows_that_do_not_hold_end_the_run_with_the_expectations_and_keep_the_page(bench: StageBench) -> None:
    narrow = "\n".join(
        f"- expect_column_values_to_be_between: {{column: a, min_value: {low}, max_value: 0}}" for low in range(-7, 0)
    )
    bench.submit("olga", "narrow", code=bench.code(expectations=narrow))
    bench.carry_out(StageName.ADMIT)

    with pytest.raises(GateFailedError) as caught:
        validate(bench)

    said = str(caught.value)
    assert said.startswith(
        f"dataset {bench.submission.dataset} fails 7 of its checks: expect_column_values_to_be_between"
    )
    assert said.count("expect_column_values_to_be_between") == 5  # the first ones; all of them are on the page
    assert f" of {ROWS} rows; " in said
    assert "such as" not in said, "any of the rows may be held out"
    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.FAILED, f"validate_data: {said}")
    kept = output_of(bench.stage(StageName.VALIDATE_DATA))
    assert isinstance(kept, Validated)
    assert (bench.installation.steps.out(kept.docs) / "data_docs" / kept.page).is_file()
    assert kept.run_key == "", "no rows are divided"
    found = verdict(bench)
    assert (found.passed, len(found.failed)) == (False, 7)


def test_an_expectation_that_does_not_exist_is_named(bench: StageBench) -> None:
    bench.submit("olga", "odd", code=bench.code(expectations="- expect_miracles: {column: a}"))
    bench.carry_out(StageName.ADMIT)

    with pytest.raises(GateFailedError, match="expectation expect_miracles: "):
        validate(bench)

    assert bench.submission.state is SubmissionState.FAILED
    assert bench.stage(StageName.VALIDATE_DATA).output == {}


# --- Without ---


def test_a_file_that_holds_no_expectations_is_refused(bench: StageBench, no_great_expectations: None) -> None:
    for number, text in enumerate(("", "a: b", "- 1", "- expect_x: 3", "- [", "!!python/object/apply:os.system [id]")):
        bench.submit("olga", f"text {number}", code=bench.code(expectations=text))
        bench.carry_out(StageName.ADMIT)
        with pytest.raises(GateFailedError, match=r"expectations\.yaml"):
            validate(bench)


def test_without_a_file_the_platform_demands_its_own(bench: StageBench, no_great_expectations: None) -> None:
    assert again(bench, "none", "olga", spec=SPEC.replace(", expectations: expectations.yaml", ""))
    names = [check.expectation for check in verdict(bench).checks]
    assert names == [
        "expect_table_row_count_to_be_between",
        *["expect_column_to_exist"] * 3,
        "expect_column_values_to_not_be_null",
    ]


def test_equal_questions_are_answered_once(
    bench: StageBench, no_great_expectations: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = validate(bench).run_key
    monkeypatch.setattr("jinsu.confined.validate.validate", None)  # whoever calls it now fails

    same = {
        "params": {"train__params": {"lr": 9}},
        "review": {"release__review__approvers": 2},
        "stricter": {"evaluate__min": 0.9},
        "judged otherwise": {"submitter": "olga", "problem__min": 0.1},
    }
    assert {again(bench, name, **change) for name, change in same.items()} == {first}


def test_other_questions_are_asked_anew(bench: StageBench, no_great_expectations: None) -> None:
    other: dict[str, dict[str, Any]] = {
        "none": {},
        "features": {"features": ["a"]},
        "share": {"spec": named("share", "split: {holdout: 0.3},")},
        "column": {"spec": named("column", "split: {by: a},")},
        "expectations": {"submitter": "olga", "expectations": "- expect_column_to_exist: {column: b}"},
    }
    found = [asked(bench, name, **change) for name, change in other.items()]
    put(bench, points(seed=1))
    found.append(asked(bench, "rows", "olga", expectations="- expect_column_to_exist: {column: b}"))

    assert len({(validated.docs, validated.run_key) for validated in found}) == len(other) + 1


@pytest.mark.parametrize("way", ["by: [a]", "time: a", "stratify: label", "column: label_of_side", ""])
def test_no_row_is_on_both_sides(bench: StageBench, no_great_expectations: None, way: str) -> None:
    side = pa.array(["test" if number % 4 == 0 else "train" for number in range(ROWS)])
    put(bench, points().append_column("label_of_side", side))
    key = again(bench, "split", spec=named("other", f"split: {{{way}}}, features: [a, b],"))
    trained, held = sides(bench, key)
    assert trained.num_rows + held.num_rows == ROWS
    assert trained.num_rows > held.num_rows > 0
    assert not features_of(trained) & features_of(held)


@pytest.mark.parametrize("share", [0.0001, 0.9999])
def test_a_split_that_leaves_one_side_empty_is_refused(
    bench: StageBench, no_great_expectations: None, share: float
) -> None:
    with pytest.raises(GateFailedError, match=r"problem: split: of 240 rows none is left"):
        again(bench, "empty", spec=named("empty", f"split: {{holdout: {share}}},"))
    assert bench.submission.state is SubmissionState.FAILED


# --- Attacks on the held-out rows ---


CHANGES = ["problem__split__holdout", "problem__split", "problem__target", "problem__dataset", "problem__split__by",
           "problem__split__column"]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("submitter", ["ann", "olga"])
def test_a_rerun_with_another_split_is_refused(bench: StageBench, change: str, submitter: str) -> None:
    """With `holdout: 0.0005` a second run was handed 99.55 % of the held-out rows, with `holdout_by: label` 80 %."""
    values = {"holdout": 0.0005, "split": {"holdout": 0.0005}, "target": "a", "dataset": "easier", "by": "b"}
    value = values.get(change.rpartition("__")[2], "b")
    with pytest.raises((BadInputError, ConflictError, ForbiddenError)):
        bench.submit(submitter, "thief", **{change: value})


@pytest.mark.parametrize("document", ["problem.yaml", "model.yaml"])
def test_no_new_version_of_a_problem_divides_the_rows_otherwise(bench: StageBench, document: str) -> None:
    def change() -> None:
        if document == "model.yaml":
            bench.submit("olga", "thief", bench.code(SPEC.replace("points,", "points, split: {holdout: 0.0005},")))
            return
        spec = {"name": "toy", "dataset": "points", "metric": "accuracy", "split": {"holdout": 0.0005}}
        bench.installation.problems.put(bench.person("olga"), problem_from(spec), None)

    with pytest.raises(ConflictError, match=r"problem toy: split: the first version fixed it"):
        change()


def test_a_split_by_the_target_is_refused(bench: StageBench) -> None:
    """Whole classes were held out, and the others trained on: 80 % of what another split had held out."""
    with pytest.raises(BadInputError, match=r"split\.by: 'label' is the target; whole classes would be held out"):
        bench.submit("ann", "thief", bench.code(named("thief", "split: {by: label},")))


def test_the_features_that_a_model_reads_do_not_move_a_row(bench: StageBench, no_great_expectations: None) -> None:
    """Named by the features of a model, each subset of them would be another split: together they show all rows."""
    _, held = sides(bench, validate(bench).run_key)
    for features in (["a"], ["b"], ["b", "a"]):
        trained, same = sides(bench, again(bench, f"reads {features}", features=features))
        assert same.equals(held)
        assert not features_of(trained) & features_of(held)


def test_a_second_problem_over_the_same_rows_holds_the_same_rows_out(
    bench: StageBench, no_great_expectations: None
) -> None:
    _, held = sides(bench, validate(bench).run_key)
    trained, theirs = sides(bench, again(bench, "second", spec=named("second")))
    assert theirs.equals(held)
    assert not features_of(trained) & features_of(held)


def test_a_process_without_the_installation_s_secret_draws_one_for_each_problem() -> None:
    """The settings of a stage in Kubeflow hold none; from nothing everybody could work the secrets out."""
    salts = {split_salt("", "points") for _ in range(3)}
    assert len(salts) == 3
    assert {len(bytes.fromhex(salt)) for salt in salts} == {32}
    assert split_salt("a", "points") != split_salt("b", "points") != split_salt("b", "others")


@pytest.mark.parametrize(
    "how", ["more rows", "other labels", "another order", "each row twice", "single precision", "the same"]
)
def test_a_key_that_was_held_out_stays_held_out_in_later_versions(
    bench: StageBench, no_great_expectations: None, how: str
) -> None:
    _, held = sides(bench, validate(bench).run_key)
    table = points()
    later = {
        "more rows": pa.concat_tables([points(2000, seed=3), table]),
        "other labels": table.set_column(2, "label", pa.array(1 - table["label"].to_numpy())),
        "another order": table.take(np.random.default_rng(0).permutation(ROWS)),
        "each row twice": pa.concat_tables([table, table]),
        "single precision": table.set_column(0, "a", table["a"].cast(pa.float32())),
        "the same": table,
    }[how]
    put(bench, later)

    trained, theirs = sides(bench, again(bench, "later"))
    kept = {b for _, b in features_of(held)}
    assert kept <= {b for _, b in features_of(theirs)}
    assert not kept & {b for _, b in features_of(trained)}


def test_a_row_that_is_given_to_training_later_stays_held_out(bench: StageBench, no_great_expectations: None) -> None:
    side = np.asarray(["test"] * 60 + ["train"] * 180)
    put(bench, points().append_column("side", pa.array(side)))
    spec = named("given", "split: {column: side},")
    _, held = sides(bench, again(bench, "first", spec=spec))
    assert held.num_rows == 60

    put(bench, points().append_column("side", pa.array(np.roll(side, 60))))
    trained, theirs = sides(bench, again(bench, "second", spec=spec))
    assert features_of(held) < features_of(theirs)
    assert (theirs.num_rows, trained.num_rows) == (120, 120)


def test_the_keys_are_remembered_before_anybody_can_train(
    bench: StageBench, no_great_expectations: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the keys were written, the platform hands out no row."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Splits, "keep", full)
        with pytest.raises(TransientError, match="No space"):
            validate(bench)
        with pytest.raises(NotFoundError, match="validate_data has not ended"):
            bench.start_training()

    _, held = sides(bench, validate(bench).run_key)
    known = split_of(bench)
    keys = np.load(bench.home / "objects" / "splits" / "toy" / f"{known.held}.npy", allow_pickle=False)
    assert len(keys) == held.num_rows
    assert bench.start_training() is not None


def test_while_the_remembered_keys_are_gone_nothing_is_handed_out(
    bench: StageBench, no_great_expectations: None
) -> None:
    validate(bench)
    for path in (bench.home / "objects" / "splits" / "toy").iterdir():
        path.unlink()
    put(bench, points(seed=1))
    with pytest.raises(JinsuError, match=r"splits/toy/[0-9a-f]+\.npy is gone"):
        again(bench, "later")


def test_the_secret_of_a_split_is_nowhere_but_in_its_record(
    bench: StageBench, no_great_expectations: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who has it, and the rows, knows what is held out."""
    caplog.set_level("DEBUG")
    for stage in (stage for stage in ORDER if stage is not StageName.ADMIT):
        bench.carry_out(stage)
    fixed = split_of(bench)
    salt = fixed.salt
    assert len(salt) == 32
    spellings = (salt.hex(), repr(salt), repr(salt)[2:-1], base64.b64encode(salt).decode())
    out, err = capfd.readouterr()
    told = [caplog.text, out, err, repr(fixed), str(fixed), repr(bench.facts())]
    for table in Base.metadata.tables.values():
        with bench.records.begin() as session:
            rows = [dict(row) for row in session.execute(select(table)).mappings()]
        if table.name == "problem_splits":
            rows = [row | {"salt": ""} for row in rows]
        told.append(repr(rows))
    files = [path for path in sorted(bench.home.rglob("*")) if path.is_file() and "jinsu.db" not in path.name]
    contents = [path.read_bytes() for path in files] + list(bench.mlflow.artifacts.values())
    assert len(files) > 10
    for spelling in spellings:
        assert not any(spelling in text for text in told)
        assert not any(spelling.encode() in content for content in contents)
    assert not any(salt in content for content in contents)


def test_a_full_disk_leaves_the_stage_waiting(
    bench: StageBench, no_great_expectations: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *arguments: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(JinsuError, match="No space left on device; free disk space, it is tried again"):
            validate(bench)
    assert bench.stage(StageName.VALIDATE_DATA).state is StageState.WAITING
    assert bench.submission.ended is None

    assert validate(bench).rows == ROWS


def test_versions_that_are_divided_at_once_hold_the_same_keys_out(
    bench: StageBench, no_great_expectations: None
) -> None:
    """The second knew nothing of the first's keys, and would have trained on them."""
    validate(bench)
    other = points(400, seed=5)
    both = pa.concat_tables([points(), other])
    put(bench, other)
    bench.submit("ann", "other")
    bench.carry_out(StageName.ADMIT)
    stage = bench.build(STEP_STAGES[StageName.VALIDATE_DATA])
    while (step := stage.next_step(bench.submission, 0)) is not None:
        bench.launcher.start(step)
    late = bench.run
    put(bench, both)
    again(bench, "both")

    bench.run = late
    with pytest.raises(TransientError, match="another version of the dataset was divided meanwhile"):
        bench.stepping.finish(stage, late)
    trained, held = sides(bench, validate(bench).run_key)
    assert trained.num_rows + held.num_rows == other.num_rows
