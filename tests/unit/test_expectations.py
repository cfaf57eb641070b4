"""Great Expectations: there is no way to a pass without having looked at rows."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from jinsu.data.expectations import Check, Expectation, Verdict, always
from jinsu.data.expectations_file import read_expectations
from jinsu.errors import BadInputError

ROWS = pd.DataFrame({"x": [1, 2, 30], "word": ["a", "b", None]})
BETWEEN: Expectation = ("expect_column_values_to_be_between", {"column": "x", "min_value": 0, "max_value": 100})

Validate = Callable[..., Verdict]


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.fixture(scope="module")
def validate(docs: Path) -> Validate:
    """The real library, imported once (it takes seconds)."""
    from jinsu.data import expectations

    return lambda frame, wanted, **more: expectations.validate(
        pa.Table.from_pandas(frame), wanted, "digits", docs, **more
    )


def only(verdict: Verdict) -> Check:
    (check,) = verdict.checks
    return check


def test_good_rows_pass_and_every_check_is_told(validate: Validate) -> None:
    verdict = validate(ROWS, [*always(["word"], "x"), BETWEEN])
    assert verdict.passed
    assert [check.passed for check in verdict.checks] == [True] * 5
    assert verdict.checks[-1].expectation.startswith("expect_column_values_to_be_between(column=x, min_value=0")


def test_the_page_for_people_exists_and_shows_the_check(validate: Validate, docs: Path) -> None:
    page = docs / validate(ROWS, [BETWEEN]).page
    assert page.suffix == ".html"
    shown = re.sub(r"(<[^>]+>|\s)+", " ", page.read_text(encoding="utf-8"))
    assert "values must be greater than or equal to 0" in shown
    assert "less than or equal to 100" in shown


def test_bad_rows_fail_with_their_number(validate: Validate) -> None:
    verdict = validate(ROWS, [("expect_column_values_to_be_between", {"column": "x", "max_value": 10})])
    assert not verdict.passed
    assert only(verdict) == Check(only(verdict).expectation, False, "1 of 3 rows")


SECRETS = pd.DataFrame({"a": [1.5, 2.5, 918273645.0], "s": ["x", "y", "topsecretvalue"], "k": [1, 1, 777777]})
SHOWN_BEFORE: list[Expectation] = [
    ("expect_column_values_to_be_between", {"column": "a", "min_value": 0, "max_value": 10}),
    ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["x"]}),
    ("expect_column_values_to_match_regex", {"column": "s", "regex": "^x$"}),
    ("expect_column_values_to_be_unique", {"column": "k"}),
    ("expect_column_max_to_be_between", {"column": "k", "max_value": 5}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["x"]}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "s", "value_set": ["n"]}),
    ("expect_column_values_to_be_between", {"column": "s", "min_value": 0, "max_value": 10}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "a", "column_B": "k"}),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["a", "k"], "sum_total": 3}),
]


def test_no_value_of_a_row_is_in_a_sentence_or_on_a_page(validate: Validate, docs: Path) -> None:
    """Any row may be held out."""
    verdict = validate(SECRETS, SHOWN_BEFORE)
    assert [check.passed for check in verdict.checks] == [False] * len(SHOWN_BEFORE)
    pages = [path.read_text(encoding="utf-8", errors="replace") for path in docs.rglob("*") if path.is_file()]
    for text in [*verdict.failed, *pages]:
        for value in ("topsecretvalue", "918273645", "777777"):
            assert value not in text


def test_whoever_holds_the_rows_may_have_them_quoted(validate: Validate) -> None:
    verdict = validate(SECRETS, SHOWN_BEFORE[:1], quoting=True)
    assert only(verdict).detail == "1 of 3 rows, such as 918273645.0"


def test_counts_types_and_names_are_said(validate: Validate) -> None:
    verdict = validate(
        SECRETS,
        [
            ("expect_table_row_count_to_be_between", {"min_value": 9}),
            ("expect_column_values_to_be_of_type", {"column": "s", "type_": "int64"}),
            ("expect_column_values_to_not_be_null", {"column": "none"}),
        ],
    )
    said = sorted(check.detail for check in verdict.checks)
    assert said == [
        'could not be checked: The column "none" in BatchData does not exist', "observed 3", "observed str"
    ]  # fmt: skip


def test_one_failure_among_many_fails_all(validate: Validate) -> None:
    verdict = validate(ROWS, [BETWEEN, ("expect_column_values_to_not_be_null", {"column": "word"})])
    assert not verdict.passed
    assert [check.passed for check in verdict.checks] == [True, False]


@pytest.mark.parametrize(
    "expectations",
    [always(["word"], "x"), [BETWEEN], [("expect_column_to_exist", {"column": "x"})], []],
    ids=["the platform's own", "about values", "about columns", "none"],
)
def test_zero_rows_never_pass(validate: Validate, expectations: list[Expectation]) -> None:
    assert not validate(ROWS.iloc[:0], expectations).passed


def test_nothing_expected_is_not_a_pass(validate: Validate) -> None:
    assert not validate(ROWS, []).passed


@pytest.mark.parametrize(
    ("expectation", "reason"),
    [
        (("expect_column_values_to_be_between", {"column": "word", "min_value": 0}), "could not be checked: "),
        (
            ("expect_column_values_to_be_between", {"column": "missing", "min_value": 0}),
            'could not be checked: .*"missing"',
        ),
        (("expect_column_values_to_match_regex", {"column": "word", "regex": "("}), "could not be checked: "),
    ],
    ids=["words compared with a number", "a column that is missing", "a broken pattern"],
)
def test_an_exception_inside_a_check_fails_it(validate: Validate, expectation: Expectation, reason: str) -> None:
    verdict = validate(ROWS, [expectation])
    assert not verdict.passed
    assert not only(verdict).passed
    assert re.match(reason, only(verdict).detail)


def test_a_missing_column_fails_and_is_not_told_to_be_as_expected(validate: Validate) -> None:
    verdict = validate(ROWS, always(["missing"], "x"))
    assert not verdict.passed
    failed = [check for check in verdict.checks if not check.passed]
    assert [check.expectation for check in failed] == ["expect_column_to_exist(column=missing)"]
    assert failed[0].detail != "as expected"


def test_a_gap_in_the_target_fails(validate: Validate) -> None:
    verdict = validate(ROWS, always(["x"], "word"))
    assert not verdict.passed
    failed = [check.expectation for check in verdict.checks if not check.passed]
    assert failed == ["expect_column_values_to_not_be_null(column=word)"]


def test_a_missing_target_fails(validate: Validate) -> None:
    assert not validate(ROWS, always(["x"], "missing")).passed


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (("expect_nonsense", {"column": "x"}), "expectation expect_nonsense: .*not found"),
        (("expect_column_values_to_be_between", {"colum": "x", "min_value": 0}), "colum: extra fields not permitted"),
        (("expect_column_values_to_be_between", {"column": "x"}), "min_value and max_value cannot both be None"),
        (("expect_column_to_exist", {}), "column: field required"),
    ],
)
def test_an_expectation_that_cannot_be_is_refused_before_anything_runs(
    validate: Validate, expectation: Expectation, said: str
) -> None:
    with pytest.raises(BadInputError, match=said) as caught:
        validate(ROWS, [expectation])
    assert "\n" not in str(caught.value)
    assert expectation[0] in str(caught.value)


def test_the_same_expectation_twice_is_checked_twice(validate: Validate) -> None:
    assert len(validate(ROWS, [BETWEEN, BETWEEN]).checks) == 2


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("- expect_x: {column: a}", {"column": "a"}),
        ("expectations:\n- expect_x: {column: a}", {"column": "a"}),
        ("- expect_x", {}),
        ("- expect_x:", {}),
    ],
)
def test_a_file_of_expectations_is_read(text: str, arguments: Mapping[str, Any]) -> None:
    assert read_expectations(text, "e.yaml") == [("expect_x", arguments)]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "expectations: []", "a: 1", "text", "- 5", "- {a: {}, b: {}}", "- a: 3", "- a: [x]", "- [", "a: b: c",
     "- 2024-13-45", "!!python/object/apply:os.system [ls]"],
)  # fmt: skip
def test_what_is_no_list_of_expectations_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_expectations(text, "expectations.yaml")
    assert str(caught.value).startswith("expectations.yaml: ")
    assert "\n" not in str(caught.value)


MANY = pd.DataFrame(
    {
        "n": [1, 2, 30, 4, 5, None, 7, 80, 9, 10, 11, 12],
        "m": [2, 2, 31, 4, 6, 1, 7, 81, 9, 11, 11, 13],
        "word": ["a", "b", None, "ab", "abc", "", "b", "a", "c", "xyz", "a", None],
        "day": ["2026-01-01", "soon", "2026-02-30", "2026-03-01"] * 3,
    }
)
EVERY_WAY: list[Expectation] = [
    ("expect_column_values_to_be_between", {"column": "n", "max_value": 20}),
    ("expect_column_values_to_be_between", {"column": "n", "max_value": 20, "mostly": 0.8}),
    ("expect_column_values_to_be_between", {"column": "n", "max_value": 20, "mostly": 0.9}),
    ("expect_column_values_to_not_be_null", {"column": "word", "mostly": 0.8}),
    ("expect_column_values_to_not_be_null", {"column": "word", "mostly": 0.9}),
    ("expect_column_values_to_be_null", {"column": "word", "mostly": 0.1}),
    ("expect_column_values_to_be_in_set", {"column": "word", "value_set": ["a", "b", "c"]}),
    ("expect_column_values_to_match_regex", {"column": "word", "regex": "^[a-c]*$"}),
    ("expect_column_values_to_match_strftime_format", {"column": "day", "strftime_format": "%Y-%m-%d"}),
    ("expect_column_value_lengths_to_be_between", {"column": "word", "min_value": 1}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "m", "column_B": "n", "or_equal": True}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "m", "column_B": "n", "mostly": 0.4}),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["n", "m"], "sum_total": 4}),
    (
        "expect_column_values_to_be_between",
        {"column": "n", "max_value": 20, "row_condition": "m < 50", "condition_parser": "pandas"},
    ),
    ("expect_column_values_to_be_unique", {"column": "n"}),
    ("expect_column_values_to_be_increasing", {"column": "m"}),
    ("expect_column_values_to_be_of_type", {"column": "n", "type_": "float64"}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "m", "threshold": 2, "double_sided": True}),
    ("expect_column_mean_to_be_between", {"column": "n", "min_value": 1, "max_value": 20}),
    ("expect_column_quantile_values_to_be_between", {
        "column": "n", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 10]]},
    }),
    ("expect_column_distinct_values_to_contain_set", {"column": "word", "value_set": ["xyz"]}),
    ("expect_table_row_count_to_equal", {"value": 12}),
    ("expect_table_columns_to_match_set", {"column_set": ["n", "m", "word", "day"]}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": ["n", "m", "word", "day"]}),
    ("expect_column_values_to_be_between", {"column": "gone", "max_value": 20}),
]  # fmt: skip


@pytest.mark.parametrize("quoting", [False, True])
def test_parts_of_the_rows_give_what_all_rows_together_give(
    validate: Validate, monkeypatch: pytest.MonkeyPatch, quoting: bool
) -> None:
    from jinsu.data import expectations

    whole = validate(MANY, EVERY_WAY, quoting=quoting)
    monkeypatch.setattr(expectations, "_FRAME_ROWS", 5)
    monkeypatch.setattr(expectations, "batches_of", lambda rows, names: rows.select(names).to_batches(max_chunksize=5))
    assert validate(MANY, EVERY_WAY, quoting=quoting).checks == whole.checks
    # What the library says of the whole frame when it is asked for each alone:
    failed = [0, 2, 4, 6, 7, 8, 9, 10, 12, 13, 15, 17, 24]
    assert [place for place, check in enumerate(whole.checks) if not check.passed] == failed
