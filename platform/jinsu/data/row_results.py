"""Results of expectations over parts of a table, added up to what the whole table would give. Pure: the library's objects come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jinsu.data.expectations_file import Expectation

_OF_ROWS = {"ColumnMapExpectation", "ColumnPairMapExpectation", "MulticolumnMapExpectation"}
"""Base classes of expectations that look at one row at a time."""
_OF_COLUMNS = {
    "expect_column_values_to_be_unique",
    "expect_compound_columns_to_be_unique",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_decreasing",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_not_be_outliers",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
}
"""Those among them that compare a row with others, or look at the type of the column."""


def is_of_rows(expectation: Any) -> bool:
    """Whether what the expectation says of a row depends on that row alone."""
    bases = {base.__name__ for base in type(expectation).__mro__}
    return bool(bases & _OF_ROWS) and expectation.expectation_type not in _OF_COLUMNS


def columns_of(expectations: Iterable[Expectation], names: Sequence[str]) -> list[str]:
    """The columns among `names` that the expectations read: those that an argument names, or that stand in a condition."""
    said = {text for _, arguments in expectations for text in _texts(arguments)}
    conditions = [str(arguments["row_condition"]) for _, arguments in expectations if arguments.get("row_condition")]
    return [name for name in names if name in said or any(name in condition for condition in conditions)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def added(one: Any, other: Any, mostly: float) -> Any:
    """The result over the rows of both parts. mostly: the share of rows that must be as expected."""
    if "element_count" not in (one.result or {}):  # it failed before it looked at a row
        return one
    if "element_count" not in (other.result or {}):
        return other
    first, second = one.result, other.result
    for name in ("element_count", "unexpected_count", "missing_count"):
        if name in first:
            first[name] += second[name]
    if "partial_unexpected_list" in first:
        first["partial_unexpected_list"] = [*first["partial_unexpected_list"], *second["partial_unexpected_list"]][:20]
    rows, missing = first["element_count"], first.get("missing_count", 0)
    considered, unexpected = rows - missing, first["unexpected_count"]
    for name, part, whole in (
        ("missing_percent", missing, rows),
        ("unexpected_percent", unexpected, considered),
        ("unexpected_percent_total", unexpected, rows),
        ("unexpected_percent_nonmissing", unexpected, considered),
    ):
        if name in first:
            first[name] = 100 * part / whole if whole else None
    one.success = not considered or (considered - unexpected) / considered >= mostly
    return one
