"""Batches of rows: every row once an epoch, in the order that was asked for, with the types of the whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jinsu
from jinsu.sdk.columns import columns_of

ROWS = 1000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    table = pa.table(
        {
            "number": pa.array(range(ROWS)),
            "gap": pa.array([None if row == 777 else row for row in range(ROWS)]),
            "word": [f"word {row}" for row in range(ROWS)],
            "vector": pa.array([[row, row + 1] for row in range(ROWS)], pa.list_(pa.float32())),
        }
    )
    pq.write_table(table, path, row_group_size=64)
    return path


def numbers(batches: Any) -> list[int]:
    return [int(number) for batch in batches for number in batch["number"]]


@given(size=st.integers(1, 1200), group=st.integers(1, 400), rows=st.integers(1, 600))
@settings(deadline=None, max_examples=40)
def test_every_row_comes_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, size: int, group: int, rows: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pq.write_table(pa.table({"number": range(rows)}), path, row_group_size=group)
    batches = jinsu.batches(size, alone=path)
    found = list(batches)
    assert numbers(found) == list(range(rows))
    assert len(found) == len(batches)
    assert {len(batch["number"]) for batch in found[:-1]} <= {size}


def test_a_batch_is_as_the_whole_dataset_is(path: Path) -> None:
    whole = columns_of(pq.read_table(path))
    start = 0
    for batch in jinsu.batches(37, alone=path):
        assert list(batch) == list(whole)
        for name, array in batch.items():
            expected = whole[name][start : start + len(array)]
            assert array.dtype == expected.dtype, name
            np.testing.assert_array_equal(array, expected)
        start += len(batch["number"])
    assert start == ROWS


def test_a_seed_mixes_the_rows_in_another_order_each_epoch(path: Path) -> None:
    batches = jinsu.batches(50, ["word", "number"], seed=1, alone=path)
    first, second = numbers(batches), numbers(batches)
    assert sorted(first) == sorted(second) == list(range(ROWS))
    assert first != second
    assert numbers(batches.epoch(1)) == second
    assert numbers(jinsu.batches(50, ["number"], seed=1, alone=path)) == first
    assert numbers(jinsu.batches(50, ["number"], seed=2, alone=path)) != first
    assert abs(np.corrcoef(first, range(ROWS))[0, 1]) < 0.15
    assert list(next(iter(batches))) == ["word", "number"]


def test_rows_of_several_groups_are_mixed_with_each_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jinsu.sdk import row_batches

    monkeypatch.setattr(row_batches, "POOL_ROWS", 200)
    found = numbers(jinsu.batches(10, seed=3, alone=path))
    assert sorted(found) == list(range(ROWS))
    assert len({number // 64 for number in found[:50]}) > 2


def test_a_file_of_one_group_is_mixed_a_part_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jinsu.sdk import row_batches

    monkeypatch.setattr(row_batches, "_PART_ROWS", 30)
    monkeypatch.setattr(row_batches, "POOL_ROWS", 100)
    pq.write_table(pa.table({"number": range(ROWS), "word": ["x"] * ROWS}), tmp_path / "one.parquet")
    found = numbers(jinsu.batches(100, seed=3, alone=tmp_path / "one.parquet"))
    assert [sorted(found[start : start + 100]) for start in range(0, ROWS, 100)] == [
        list(range(start, start + 100)) for start in range(0, ROWS, 100)
    ]
    assert found[:100] != list(range(100))


@pytest.mark.parametrize("seed", [None, 4])
def test_wide_rows_are_a_few_at_a_time_in_memory(tmp_path: Path, seed: int | None) -> None:
    """One text of 100 KB in 4,000 rows is a file of some KB, and 400 MB in memory."""
    pq.write_table(pa.table({"text": ["x" * 100_000] * 4000, "number": range(4000)}), tmp_path / "wide.parquet")
    batches = jinsu.batches(8, ["text", "number"], seed=seed, alone=tmp_path / "wide.parquet")
    before = pa.total_allocated_bytes()
    most, found = 0, []
    for batch in batches:
        most = max(most, pa.total_allocated_bytes() - before)
        found += batch["number"].tolist()
    assert sorted(found) == list(range(4000))
    assert most < 48 * 2**20 if seed is None else most < 600 * 2**20
    narrow = jinsu.batches(8, ["number"], seed=seed, alone=tmp_path / "wide.parquet")
    assert numbers(narrow) == found  # which columns are read does not change the order


def test_a_file_without_rows_gives_no_batch(tmp_path: Path) -> None:
    pq.write_table(pa.table({"number": pa.array([], pa.int64()), "none": pa.nulls(0)}), tmp_path / "no.parquet")
    for seed in (None, 1):
        batches = jinsu.batches(8, seed=seed, alone=tmp_path / "no.parquet")
        assert list(batches) == []
        assert len(batches) == 0


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("seed", [None, 5])
def test_workers_of_a_loader_divide_the_rows(path: Path, workers: int, seed: int | None) -> None:
    import torch
    from torch.utils.data import DataLoader

    dataset = jinsu.batches(32, ["number", "word"], seed=seed, alone=path).torch()
    loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    first = list(loader)
    assert isinstance(first[0]["number"], torch.Tensor)
    assert sorted(numbers(first)) == list(range(ROWS))
    dataset.set_epoch(1)
    assert (numbers(loader) != numbers(first)) is (seed is not None)


@pytest.mark.parametrize(
    ("size", "columns", "words"),
    [
        (0, None, "a batch has at least one row"),
        (8, ["gone"], "there is no 'gone'; the rows have number, gap, word, vector"),
        (8, [], r"columns=\[\] is no list of names; write such as columns=\['number'\]"),
        (8, "word", "columns='word' is no list of names"),
    ],
)
def test_what_cannot_be_read_is_said(path: Path, size: int, columns: Any, words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        jinsu.batches(size, columns, alone=path)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("number\n1\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"rows\.csv is no Parquet file that can be read; write the rows as one"):
        jinsu.batches(alone=tmp_path / "rows.csv")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(SystemExit, match=r"twice\.parquet has two columns of one name \('a'\); rename one"):
        jinsu.batches(alone=tmp_path / "twice.parquet")


def test_outside_the_platform_a_file_is_named() -> None:
    with pytest.raises(SystemExit, match="needs alone=FILE, a Parquet file that is there"):
        jinsu.batches(alone="nowhere.parquet")
