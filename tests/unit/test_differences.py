"""What differs between two versions of a table."""

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.data.changes import RowChange, SchemaChange, schema_change
from jinsu.data.differences import row_change
from jinsu.errors import BadInputError

KINDS: dict[str, list[Any]] = {
    "int": [1, None, -3, 2**62],
    "text": ["a", None, "", "é"],
    "float": [1.5, None, 0.1, float("nan")],
    "bool": [True, None, False, True],
    "time": [dt.datetime(2026, 1, 1), None, dt.datetime(1969, 1, 1), dt.datetime(2026, 1, 2)],
    "day": [dt.date(2026, 1, 1), None, dt.date(1969, 1, 1), dt.date(2026, 1, 2)],
    "bytes": [b"a", None, b"", b"\xff"],
    "list": [[1, 2], None, [], [3]],
    "struct": [{"a": 1}, None, {"a": None}, {"a": 2}],
}


def folder(place: Path, *tables: pa.Table) -> Path:
    place.mkdir()
    for number, table in enumerate(tables):
        pq.write_table(table, place / f"part-{number}.parquet")
    return place


def change(place: Path, old: pa.Table, new: pa.Table, *keys: str) -> RowChange:
    return row_change(folder(place / "old", old), folder(place / "new", new), keys)


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_of_value_is_compared(tmp_path: Path, kind: str) -> None:
    table = pa.table({"v": KINDS[kind]})
    (tmp_path / "same").mkdir()
    assert change(tmp_path / "same", table, table) == RowChange(0, 0, 0, 4)
    assert change(tmp_path, table, table.take([0, 0, 1, 3])) == RowChange(1, 1, 0, 3)


def test_categories_are_their_values(tmp_path: Path) -> None:
    words = pa.array(["a", "b", "a"]).dictionary_encode()
    other = pa.array(["b", "a", "a"]).dictionary_encode()
    assert change(tmp_path, pa.table({"v": words}), pa.table({"v": other})) == RowChange(0, 0, 0, 3)


def test_how_rows_are_divided_into_files_does_not_matter(tmp_path: Path) -> None:
    table = pa.table({"v": list(range(10)), "w": [str(n) for n in range(10)]})
    old, new = folder(tmp_path / "old", table), folder(tmp_path / "new", table.slice(5), table.slice(0, 5))
    assert row_change(old, new) == RowChange(0, 0, 0, 10)


def test_a_key_tells_a_changed_row_from_a_new_one(tmp_path: Path) -> None:
    old = pa.table({"id": [1, 2, 3, 4], "v": ["a", "b", "c", "d"]})
    new = pa.table({"id": [5, 4, 3, 2], "v": ["e", "d", "C", "b"]})
    assert change(tmp_path, old, new, "id") == RowChange(1, 1, 1, 2)
    assert row_change(tmp_path / "old", tmp_path / "new") == RowChange(2, 2, 0, 2)


def test_rows_of_one_key_have_no_order(tmp_path: Path) -> None:
    old = pa.table({"id": [1, 1, 2], "v": ["a", "b", "c"]})
    assert change(tmp_path, old, old.take([2, 1, 0]), "id") == RowChange(0, 0, 0, 2)


def test_rows_are_compared_over_the_columns_that_both_have(tmp_path: Path) -> None:
    old = pa.table({"id": [1, 2], "gone": ["x", "y"], "other": pa.array([1, 2], pa.int32())})
    new = pa.table({"id": [1, 2], "fresh": [0, 0], "other": pa.array([1, 2], pa.int64())})
    assert change(tmp_path, old, new) == RowChange(0, 0, 0, 2)
    for key in ("gone", "other", "nothing"):
        with pytest.raises(BadInputError, match=f"--key {key}: both versions need"):
            row_change(tmp_path / "old", tmp_path / "new", [key])


def test_tables_without_a_common_column_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no column of one name and type"):
        change(tmp_path, pa.table({"a": [1]}), pa.table({"b": [1]}))


def test_a_schema_change_names_columns_and_types() -> None:
    found = schema_change({"a": "int64", "b": "string"}, {"b": "int64", "c": "double"})
    assert found == SchemaChange({"c": "double"}, {"a": "int64"}, {"b": ("string", "int64")})


_ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", "a", None])), min_size=1, max_size=20)


@given(_ROWS, _ROWS)
@settings(deadline=None, max_examples=60)
def test_the_numbers_are_those_of_counting_rows(
    tmp_path_factory: pytest.TempPathFactory, old: list[Any], new: list[Any]
) -> None:
    before, after = Counter(old), Counter(new)
    tables = [
        pa.table({"n": [n for n, _ in rows], "t": pa.array([t for _, t in rows], pa.string())}) for rows in (old, new)
    ]
    expected = RowChange((after - before).total(), (before - after).total(), 0, (before & after).total())
    assert change(tmp_path_factory.mktemp("rows"), *tables) == expected
