"""Dataset versions: put once, never changed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.datasets import put_dataset

from jinsu.data import tables
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.data.digests import digest_of, table_digest
from jinsu.data.tables import open_delta
from jinsu.errors import BadInputError, NotFoundError
from jinsu.objects.mirror import Mirror
from jinsu.sdk.columns import columns_of, read_columns

ROWS = pa.table({"x": pa.array([1, 2, None, 4]), "word": ["a", None, "c", "é"], "seen": [True, False, None, True]})


class Datasets(DatasetStore):
    """A store in a folder, filled by the program of the ingestion."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Mirror(folder))
        self.folder = folder

    def put(self, name: str, source: Path, created_by: str) -> DatasetVersion:
        return put_dataset(Mirror(self.folder), name, source, created_by)

    def path(self, version: DatasetVersion) -> Path:
        return self.folder / self.content(version)

    def rows(self, version: DatasetVersion) -> pa.Table:
        return open_delta(self.folder / self.table(version)).read()


@pytest.fixture
def store(tmp_path: Path) -> Datasets:
    return Datasets(tmp_path)


def parquet(path: Path, table: pa.Table = ROWS, **how: Any) -> Path:
    pq.write_table(table, path, **how)
    return path


def put_table(store: Datasets, tmp_path: Path, table: pa.Table, name: str = "rows") -> DatasetVersion:
    return store.put(name, parquet(tmp_path / "source.parquet", table), "me")


def test_a_version_says_what_it_holds(store: Datasets, tmp_path: Path) -> None:
    version = store.put("rows", parquet(tmp_path / "a.parquet"), "me")
    assert (version.name, version.kind, version.rows, version.created_by) == ("rows", "table", 4, "me")
    assert version.schema == {"x": "int64", "word": "string", "seen": "bool"}
    assert version.size > 0
    assert version.digest.startswith(version.version)
    assert version.reference == f"rows@{version.version}"
    assert store.rows(version).equals(ROWS)


def test_putting_the_same_again_changes_nothing(store: Datasets, tmp_path: Path) -> None:
    first = store.put("rows", parquet(tmp_path / "a.parquet"), "me")
    files = sorted((path, path.stat().st_mtime_ns) for path in store.path(first).rglob("*"))
    assert store.put("rows", parquet(tmp_path / "a.parquet"), "somebody else") == first
    assert sorted((path, path.stat().st_mtime_ns) for path in store.path(first).rglob("*")) == files


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "gzip"},
        {"compression": "zstd"},
        {"compression": "none", "use_dictionary": False},
        {"row_group_size": 1},
        {"data_page_version": "2.0"},
    ],
    ids=str,
)
def test_how_a_parquet_file_is_written_does_not_matter(
    store: Datasets, tmp_path: Path, how: dict[str, Any]
) -> None:
    plain = store.put("rows", parquet(tmp_path / "a.parquet"), "me")
    assert store.put("rows", parquet(tmp_path / "b.parquet", **how), "me") == plain


@given(st.lists(st.integers(-5, 5) | st.none(), min_size=2, max_size=30), st.data())
@settings(deadline=None)
def test_how_a_table_is_chunked_does_not_matter(values: list[int | None], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values)))
    chunks = pa.chunked_array([values[:place], values[place:]], pa.int64())
    longer = pa.table({"v": pa.array([None, *values, 1], pa.int64())}).slice(1, len(values))
    digests = {table_digest(pa.table({"v": column})) for column in (chunks, pa.array(values, pa.int64()))}
    assert digests == {table_digest(longer)}


NESTED = {
    "texts": pa.array(["a", None, "", "é", "bc", "d"]),
    "lists": pa.array([[1, 2], None, [], [3, None], [4], [5]]),
    "lists of texts": pa.array([["a"], ["b", ""], None, [], [None, "c"], ["d"]]),
    "structs": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}, {"a": 2, "b": None}, {"a": 3, "b": ""}, None]),
    "decimals": pa.array(["1.50", None, "2.25", "3", "4", "5"]).cast(pa.decimal128(8, 2)),
    "booleans": pa.array([True, None, False, True, True, False]),
}


@pytest.mark.parametrize("column", NESTED.values(), ids=NESTED.keys())
def test_where_a_batch_ends_changes_no_digest(column: pa.Array) -> None:
    table = pa.table({"x": column})
    digests = {digest_of(table.schema, table.to_batches(max_chunksize=size)) for size in range(1, 7)}
    assert digests == {table_digest(table)}
    assert table_digest(table.slice(1)) not in digests
    assert table_digest(table.take([1, 0, 2, 3, 4, 5])) not in digests


@pytest.mark.parametrize(
    "other",
    [
        ROWS.slice(0, 3),
        ROWS.take([1, 0, 2, 3]),
        ROWS.rename_columns(["y", "word", "seen"]),
        ROWS.select(["word", "x", "seen"]),
        ROWS.set_column(0, "x", pa.array([1, 2, 3, 4])),
        ROWS.set_column(0, "x", ROWS["x"].cast(pa.int32())),
    ],
    ids=["fewer rows", "other order", "other name", "other column order", "other value", "other type"],
)
def test_other_content_is_another_version(store: Datasets, tmp_path: Path, other: pa.Table) -> None:
    assert put_table(store, tmp_path, ROWS).version != put_table(store, tmp_path, other).version


def test_a_table_may_come_as_csv_json_lines_or_parquet(store: Datasets, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,word\n1,a\n2,é\n")
    (tmp_path / "a.jsonl").write_text('{"x": 1, "word": "a"}\n{"x": 2, "word": "é"}\n')
    parquet(tmp_path / "a.parquet", pa.table({"x": [1, 2], "word": ["a", "é"]}))
    versions = {store.put("rows", tmp_path / f"a.{kind}", "me").version for kind in ("csv", "jsonl", "parquet")}
    assert len(versions) == 1


def test_latest_is_the_last_one_put_and_a_version_stays(store: Datasets, tmp_path: Path) -> None:
    old = put_table(store, tmp_path, ROWS)
    pinned = store.resolve("rows@latest").reference
    new = put_table(store, tmp_path, ROWS.slice(1))
    assert store.resolve("rows@latest") == store.resolve("rows") == new
    assert store.resolve(pinned) == old
    assert store.rows(store.resolve(pinned)).equals(ROWS)
    assert [version.reference for version in store.all()] == [new.reference]


def test_the_last_one_put_is_latest_even_when_it_is_an_old_version(store: Datasets, tmp_path: Path) -> None:
    old = put_table(store, tmp_path, ROWS)
    put_table(store, tmp_path, ROWS.slice(1))
    assert put_table(store, tmp_path, ROWS) == old
    assert store.resolve("rows@latest") == old


@pytest.mark.parametrize("digits", [8, 16, 64])
def test_a_version_is_found_by_as_many_digits_as_a_spec_may_write(
    store: Datasets, tmp_path: Path, digits: int
) -> None:
    version = put_table(store, tmp_path, ROWS)
    assert store.resolve(f"rows@{version.digest[:digits]}") == version


@pytest.mark.parametrize("reference", ["nothing", "nothing@latest", "rows@ffffffff", "rows@*", "rows@.."])
def test_what_does_not_exist_is_not_found_and_says_how_to_go_on(
    store: Datasets, tmp_path: Path, reference: str
) -> None:
    put_table(store, tmp_path, ROWS)
    with pytest.raises(NotFoundError, match="jinsu data "):
        store.resolve(reference)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"x,word\n"),
        ("a.csv", b""),
        ("a.csv", b"x,word\n1\n"),
        ("a.jsonl", b""),
        ("a.jsonl", b"{"),
        ("a.parquet", b"PAR1 not really"),
        ("a.xlsx", b"PK"),
        ("a", b"text"),
        ("a.csv", b"x,x\n1,2\n"),
    ],
)
def test_a_bad_table_is_refused_by_name_and_leaves_nothing(
    store: Datasets, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=str(tmp_path / name)):
        store.put("rows", tmp_path / name, "me")
    assert list(store.all()) == []
    assert list((tmp_path / "datasets").rglob("*.parquet")) == []


def test_zero_rows_are_refused(store: Datasets, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="has zero rows; a dataset needs at least one"):
        put_table(store, tmp_path, ROWS.slice(0, 0))


COLUMNS = {
    "pixels as uint8": pa.array([0, 127, 255], pa.uint8()),
    "pixels as lists of uint8": pa.array([[0, 255], [1, 2], [3, 4]], pa.list_(pa.uint8())),
    "pixels as lists of float": pa.array([[0.5, 1], [2, 3], [4, 5]], pa.list_(pa.float32())),
    "fixed lists": pa.array([[0.5, 1], [2, 3], [4, 5]], pa.list_(pa.float32(), 2)),
    "bytes": pa.array([b"a", b"\x00", b""]),
    "large text": pa.array(["a", "b", None], pa.large_string()),
    "times": pa.array([1, 2, 3], pa.timestamp("us", tz="UTC")),
    "days": pa.array([1, 2, 3], pa.date32()),
    "small integers": pa.array([1, None, -3], pa.int8()),
    "structs": pa.array([{"a": 1}, {"a": 2}, {"a": 3}]),
    "nothing": pa.array([None, None, None]),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS.keys())
def test_a_table_comes_back_as_it_was_put(store: Datasets, tmp_path: Path, column: pa.Array) -> None:
    version = put_table(store, tmp_path, pa.table({"x": column}))
    written = pq.read_table(tmp_path / "source.parquet")
    assert store.rows(version).equals(written)
    assert version.schema == {"x": str(written.schema.field("x").type)}


def test_categories_become_their_values(store: Datasets, tmp_path: Path) -> None:
    columns = {"word": pa.array(["a", None, "b"]), "number": pa.array([3, 1, 3])}
    plain = put_table(store, tmp_path, pa.table(columns))
    coded = put_table(store, tmp_path, pa.table({name: one.dictionary_encode() for name, one in columns.items()}))
    assert coded.version == plain.version
    assert store.rows(coded).equals(pa.table(columns))


def test_a_table_of_several_files_keeps_its_order(
    store: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.table({"x": np.arange(300_000), "word": [f"word {number}" for number in range(300_000)]})
    whole = put_table(store, tmp_path, table, "whole")
    monkeypatch.setattr(tables, "PART_BYTES", 100_000)
    parts = put_table(store, tmp_path, table.slice(0, 299_999), "parts")
    assert len(list(store.path(parts).glob("*.parquet"))) > 2
    assert store.rows(parts).equals(table.slice(0, 299_999))
    assert store.rows(whole).equals(table)


@pytest.mark.parametrize(
    "column",
    [pa.array([1.5, 2], pa.float16()), pa.array([1, 2], pa.duration("us")), pa.array([1, 2**64 - 1], pa.uint64())],
    ids=["float16", "duration", "uint64"],
)
def test_a_type_is_stored_or_refused_in_one_sentence(store: Datasets, tmp_path: Path, column: pa.Array) -> None:
    try:
        version = put_table(store, tmp_path, pa.table({"x": column}))
    except BadInputError as problem:
        assert "x" in str(problem)  # noqa: PT017
        assert "\n" not in str(problem)  # noqa: PT017
    else:
        assert store.rows(version)["x"].to_pylist() == column.to_pylist()


@pytest.mark.parametrize(("rows", "group"), [(100_000, 10_000), (300_000, 1 << 20)])
def test_rows_keep_their_order(store: Datasets, tmp_path: Path, rows: int, group: int) -> None:
    table = pa.table({"x": np.arange(rows)})
    version = store.put("rows", parquet(tmp_path / "a.parquet", table, row_group_size=group), "me")
    assert np.array_equal(store.rows(version)["x"].to_numpy(), np.arange(rows))


def test_files_are_kept_with_a_manifest_of_their_digests(store: Datasets, tmp_path: Path) -> None:
    source = tmp_path / "images"
    (source / "cats").mkdir(parents=True)
    (source / "cats" / "1.png").write_bytes(b"cat")
    (source / "readme").write_bytes(b"hello")
    version = store.put("images", source, "me")
    assert (version.kind, version.rows, version.size) == ("files", 2, 8)
    assert (store.path(version) / "cats" / "1.png").read_bytes() == b"cat"
    assert (
        '"cats/1.png": "77af778b51abd4a3c51c5ddd97204a9c3ae614ebccb75a606c3b6865aed6744e"'
        in (store.path(version).parent / "files.json").read_text()
    )
    with pytest.raises(BadInputError, match="is a set of files without a table; put the folder again"):
        store.rows(version)


def test_files_are_copied_so_that_a_later_change_does_not_reach_the_version(
    store: Datasets, tmp_path: Path
) -> None:
    source = tmp_path / "images"
    source.mkdir()
    (source / "a").write_bytes(b"old")
    old = store.put("images", source, "me")
    (source / "a").write_bytes(b"new")
    assert (store.path(old) / "a").read_bytes() == b"old"
    assert store.put("images", source, "me").version != old.version


@pytest.mark.parametrize("target", ["/etc/passwd", "a", "nowhere", "/etc"])
def test_a_link_among_files_is_refused(store: Datasets, tmp_path: Path, target: str) -> None:
    source = tmp_path / "images"
    source.mkdir()
    (source / "a").write_bytes(b"x")
    (source / "link").symlink_to(target)
    with pytest.raises(BadInputError, match="link: is a symbolic link; a dataset holds plain files"):
        store.put("images", source, "me")


def test_a_folder_without_files_is_refused(store: Datasets, tmp_path: Path) -> None:
    (tmp_path / "images" / "empty").mkdir(parents=True)
    with pytest.raises(BadInputError, match="holds no file"):
        store.put("images", tmp_path / "images", "me")


def test_eight_at_once_make_one_version(store: Datasets, tmp_path: Path) -> None:
    source = parquet(tmp_path / "a.parquet", pa.table({"x": list(range(1000))}))
    for attempt in range(5):
        together = threading.Barrier(8)

        def put(who: int, name: str = f"rows{attempt}", together: threading.Barrier = together) -> DatasetVersion:
            together.wait(60)
            return store.put(name, source, f"user {who}")

        with ThreadPoolExecutor(8) as pool:
            versions = list(pool.map(put, range(8)))
        assert all(version == versions[0] for version in versions)
        assert store.rows(store.resolve(f"rows{attempt}")).num_rows == 1000
        left = sorted(path.name for path in (tmp_path / "datasets" / f"rows{attempt}").iterdir())
        assert left == sorted([versions[0].version, "latest"])


# Columns, as a training script sees them


@pytest.mark.parametrize(
    ("column", "dtype", "shape"),
    [
        (pa.array([1, 2]), np.int64, (2,)),
        (pa.array([1.5, 2], pa.float32()), np.float32, (2,)),
        (pa.array([True, False]), np.bool_, (2,)),
        (pa.array(["a", None]), object, (2,)),
        (pa.array([[1.0, 2], [3, 4]], pa.list_(pa.float32())), np.float32, (2, 2)),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.uint8(), 2)), np.uint8, (2, 2)),
        (pa.array([b"ab", b"cd"]), np.uint8, (2, 2)),
        (pa.array([[1.0], [3, 4]]), object, (2,)),
        (pa.array([["a"], ["b"]]), object, (2,)),
        (pa.array([[[1.0]], [[2.0]]]), np.float64, (2, 1, 1)),
    ],
    ids=str,
)
def test_columns_become_arrays(column: pa.Array, dtype: type, shape: tuple[int, ...]) -> None:
    array = columns_of(pa.table({"x": column}))["x"]
    assert (array.dtype, array.shape) == (np.dtype(dtype), shape)


def test_chunked_columns_read_from_a_file_are_whole(tmp_path: Path) -> None:
    rows = [[float(number), 0.5] for number in range(100)]
    path = parquet(tmp_path / "a.parquet", pa.table({"x": rows, "y": range(100)}), row_group_size=7)
    columns = read_columns(path)
    assert columns["x"].tolist() == rows
    assert columns["y"].tolist() == list(range(100))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["1.50", None]).cast(pa.decimal128(5, 2)), np.array([1.5, np.nan])),
        (pa.array([True, None, False]), np.array([1.0, np.nan, 0.0])),
        (pa.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])),
        (pa.array([0, 86_400_000_000], pa.timestamp("us")), np.array(["1970-01-01", "1970-01-02"], "datetime64[us]")),
        (pa.array([0, 1], pa.date32()), np.array(["1970-01-01", "1970-01-02"], "datetime64[D]")),
        (pa.array(["a", "b", "a"]).dictionary_encode(), np.array(["a", "b", "a"], dtype=object)),
    ],
    ids=["decimals", "booleans with a gap", "lists of lists", "times", "days", "categories"],
)
def test_every_type_has_a_way_into_a_script(column: pa.Array, expected: np.ndarray) -> None:
    array = columns_of(pa.table({"x": column}))["x"]
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


def test_lists_of_lists_of_several_shapes_stay_lists() -> None:
    array = columns_of(pa.table({"x": pa.array([[[1, 2], [3]], [[4]]])}))["x"]
    assert array.dtype == object
    assert array.tolist() == [[[1, 2], [3]], [[4]]]
