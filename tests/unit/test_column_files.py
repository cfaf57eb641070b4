"""Columns that are read from a file when they are asked for: what a model reads in parts is what it would read at once."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jinsu.data.known import fresh_rows
from jinsu.sdk import columns as module
from jinsu.sdk.columns import ColumnFile, parts_of, read_columns, rows_at

ROWS = 1000
COLUMNS = {
    "whole": pa.array(range(ROWS)),
    "gap": pa.array([None if row == 777 else row for row in range(ROWS)]),
    "flag": pa.array([None if row == 3 else row % 2 == 0 for row in range(ROWS)]),
    "nan": pa.array([float("nan") if row % 3 else float(row) for row in range(ROWS)]),
    "none": pa.array([None] * ROWS, pa.float64()),
    "a.b": [f"word {row}" for row in range(ROWS)],
    "list": pa.array([[row, row + 1] for row in range(ROWS)], pa.list_(pa.float32())),
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "_PART_ROWS", 64)
    pq.write_table(pa.table(COLUMNS), tmp_path / "rows.parquet", row_group_size=300)
    return tmp_path / "rows.parquet"


def test_parts_have_the_values_and_types_of_the_whole(path: Path) -> None:
    whole, start = read_columns(path), 0
    for part in parts_of(ColumnFile(path), list(COLUMNS)):
        rows = len(part["whole"])
        assert rows <= 64
        for name, values in part.items():
            expected = whole[name][start : start + rows]
            assert values.dtype == expected.dtype, name
            np.testing.assert_array_equal(values, expected)
        start += rows
    assert start == ROWS


def test_single_rows_have_the_types_of_the_whole(path: Path) -> None:
    whole, rows = read_columns(path), [999, 0, 777, 3]
    found = rows_at(ColumnFile(path), list(COLUMNS), rows)
    for name, values in found.items():
        assert values.dtype == whole[name].dtype, name
        np.testing.assert_array_equal(values, whole[name][rows])


def test_asking_for_a_name_reads_no_row(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = ColumnFile(path)
    monkeypatch.setattr(module, "opened", lambda path: pytest.fail("the file was read"))
    assert "gap" in columns
    assert "gone" not in columns
    assert list(columns) == list(COLUMNS)


def test_a_large_value_in_many_rows_is_read_a_few_rows_at_a_time(tmp_path: Path) -> None:
    """The file is some KB large, and its rows 400 MB."""
    pq.write_table(pa.table({"text": ["x" * 100_000] * 4000}), tmp_path / "wide.parquet")
    sizes = [len(part["text"]) for part in parts_of(ColumnFile(tmp_path / "wide.parquet"), ["text"])]
    assert sum(sizes) == 4000
    assert max(sizes) * 100_000 < 2 * 16 * 2**20


def test_models_without_a_column_in_common_know_no_row_of_each_other() -> None:
    held, trained = pa.table({"a": [1, 2]}), pa.table({"b": [1, 2]})
    assert fresh_rows(held, trained, ["a"]).tolist() == [True, True]


def test_a_missing_number_is_one_value_however_it_is_written() -> None:
    held = pa.table({"a": pa.array([None, float("nan"), 1.0, 2.0])})
    trained = pa.table({"a": pa.array([float("nan"), 2.0])})
    assert fresh_rows(held, trained, ["a"]).tolist() == [False, False, True, False]
