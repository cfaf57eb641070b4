"""validate_data: Great Expectations over every row, and the split that only the platform sees whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.support.stage_bench import ROWS, SPEC, StageBench, points

from jinsu.codec import decode
from jinsu.data.split import EVAL_FILE, TRAIN_FILE, holdout_mask
from jinsu.data.validation import Validation
from jinsu.errors import BadInputError, GateFailedError, JinsuError
from jinsu.lifecycle.validate_data import VERDICT_FILE, ValidateData
from jinsu.runs.journal import output_of
from jinsu.runs.stages import StageName, Validated
from jinsu.state.states import StageState, SubmissionState

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.ADMIT)


def validate(bench: StageBench) -> Validated:
    found = bench.build(ValidateData).run(bench.run)
    assert isinstance(found, Validated)
    return found


def again(bench: StageBench, key: str, **change: Any) -> str:
    """The run key of another submission's validation."""
    code = {name: change.pop(name) for name in ("expectations", "spec") if name in change}
    bench.submit(key=key, code=bench.code(**code), **change)
    bench.carry_out(StageName.ADMIT)
    return validate(bench).run_key


def verdict(bench: StageBench) -> Validation:
    document = json.loads(bench.mlflow.artifact(bench.submission.mlflow_run, "data_validation.json"))
    return decode(Validation, document)


# --- With Great Expectations ---


def test_rows_that_hold_are_split(bench: StageBench) -> None:
    validated = validate(bench)

    out = bench.installation.steps.out(validated.run_key)
    parts = [pq.read_table(out / name) for name in (TRAIN_FILE, EVAL_FILE)]
    held = holdout_mask(points(), 0.2)
    assert parts[0].equals(points().take(np.flatnonzero(~held)))
    assert parts[1].equals(points().take(np.flatnonzero(held)))
    assert (out / "data_docs" / validated.page).read_text().count("<html") == 1
    assert (validated.rows, validated.checks) == (ROWS, 6)  # one of the submitter's, and what is always demanded
    found = verdict(bench)
    assert (found.passed, found.rows, found.train_rows + found.eval_rows) == (True, ROWS, ROWS)
    assert any("between" in check.expectation and "max_value=10" in check.expectation for check in found.checks)


def test_rows_that_do_not_hold_end_the_run_with_the_expectations_and_keep_the_page(bench: StageBench) -> None:
    narrow = "\n".join(
        f"- expect_column_values_to_be_between: {{column: a, min_value: {low}, max_value: 0}}" for low in range(-7, 0)
    )
    bench.submit(key="narrow", code=bench.code(expectations=narrow))
    bench.carry_out(StageName.ADMIT)

    with pytest.raises(GateFailedError) as caught:
        validate(bench)

    said = str(caught.value)
    assert said.startswith(
        f"dataset {bench.submission.dataset} fails 7 of its checks: expect_column_values_to_be_between"
    )
    assert said.count("expect_column_values_to_be_between") == 5  # the first ones; all of them are on the page
    assert f"of {ROWS} rows, such as " in said
    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.FAILED, f"validate_data: {said}")
    kept = output_of(bench.stage(StageName.VALIDATE_DATA))
    assert isinstance(kept, Validated)
    out = bench.installation.steps.out(kept.run_key)
    assert (out / "data_docs" / kept.page).is_file()
    assert not (out / TRAIN_FILE).exists()
    found = verdict(bench)
    assert (found.passed, found.train_rows, found.eval_rows, len(found.failed)) == (False, 0, 0, 7)


def test_an_expectation_that_does_not_exist_is_named(bench: StageBench) -> None:
    bench.submit(key="odd", code=bench.code(expectations="- expect_miracles: {column: a}"))
    bench.carry_out(StageName.ADMIT)

    with pytest.raises(BadInputError, match="expectation expect_miracles: "):
        validate(bench)

    assert bench.submission.state is SubmissionState.FAILED
    assert bench.stage(StageName.VALIDATE_DATA).output == {}


# --- Without ---


def test_a_file_that_holds_no_expectations_is_refused(bench: StageBench, no_great_expectations: None) -> None:
    for number, text in enumerate(("", "a: b", "- 1", "- expect_x: 3", "- [", "!!python/object/apply:os.system [id]")):
        bench.submit(key=f"text {number}", code=bench.code(expectations=text))
        bench.carry_out(StageName.ADMIT)
        with pytest.raises(BadInputError, match=r"expectations\.yaml"):
            validate(bench)


def test_without_a_file_the_platform_demands_its_own(bench: StageBench, no_great_expectations: None) -> None:
    assert again(bench, "none", spec=SPEC.replace(", expectations: expectations.yaml", ""))
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
    monkeypatch.setattr("jinsu.lifecycle.validate_data.validate", None)  # whoever calls it now fails

    same = {
        "params": {"train__params": {"lr": 9}},
        "name": {"name": "another"},
        "review": {"release__review": "none"},
        "gate": {"evaluate__min": 0.1},
    }
    assert {again(bench, name, **change) for name, change in same.items()} == {first}


def test_other_questions_are_asked_anew(bench: StageBench, no_great_expectations: None) -> None:
    other: dict[str, dict[str, Any]] = {
        "none": {},
        "share": {"data__holdout": 0.3},
        "column": {"data__holdout_by": "a"},
        "features": {"data__features": ["a"]},
        "expectations": {"expectations": "- expect_column_to_exist: {column: b}"},
    }
    keys = {again(bench, name, **change) for name, change in other.items()}
    pq.write_table(points(seed=1), bench.home / "new.parquet")
    bench.installation.datasets.put("points", bench.home / "new.parquet", "ann")
    keys.add(again(bench, "rows"))

    assert len(keys) == len(other) + 1


@pytest.mark.parametrize("by", [None, "label"])
def test_no_row_is_on_both_sides(bench: StageBench, no_great_expectations: None, by: str | None) -> None:
    """Nor is a value of the column that decides."""
    key = again(bench, "split", **({"data__holdout_by": by, "data__holdout": 0.5} if by else {}))
    out = bench.installation.steps.out(key)
    sides = [
        {tuple(row.values()) if by is None else row[by] for row in pq.read_table(out / name).to_pylist()}
        for name in (TRAIN_FILE, EVAL_FILE)
    ]
    assert all(sides)
    assert sides[0] & sides[1] == set()


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_split_that_leaves_one_side_empty_is_refused(
    bench: StageBench, no_great_expectations: None, share: float
) -> None:
    with pytest.raises(BadInputError, match=r"data\.holdout: .* leaves one side empty"):
        again(bench, "empty", data__holdout=share)
    assert bench.submission.state is SubmissionState.FAILED


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
    assert (bench.installation.steps.out(validate(bench).run_key) / VERDICT_FILE).is_file()
