"""Files that people put as tables: what is none gets a sentence that names the file, what is wrong and what to do."""

import datetime as dt
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from jinsu.data import csv_files
from jinsu.data.table_files import open_table_file
from jinsu.errors import BadInputError


def read_table_file(path: Path) -> pa.Table:
    file = open_table_file(path)
    return pa.Table.from_batches(file.batches(), file.schema)


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


NUMBERS = parquet(pa.table({"a": list(range(1000))}))
KOREAN = "이름,값\n가나다,1\n라마,2\n"
DEEP = b'{"a":' + b"[" * 500 + b"]" * 500 + b"}\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.csv", KOREAN.encode("cp949"), "CP949 (EUC-KR), not UTF-8; convert it: iconv -f CP949 -t UTF-8"),
        ("rows.csv", "name,value\n가나다,1\n".encode("euc-kr"), "CP949 (EUC-KR)"),
        ("rows.jsonl", '{"a": "가나"}\n'.encode("cp949"), "CP949 (EUC-KR)"),
        ("rows.csv", "naïve,value\nx,1\n".encode("latin-1"), "is not text in UTF-8"),
        ("rows.csv", "name,value\nnaïve,1\n".encode("latin-1"), "is not text in UTF-8"),
        ("rows.csv", KOREAN.encode("utf-16"), "is text in UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
        ("rows.csv", "name,value\nx,1\n".encode("utf-16-le"), "is text in UTF-16"),
        ("rows.csv", "name,value\nx,1\n".encode("utf-16-be"), "is text in UTF-16"),
        ("rows.jsonl", '{"a": 1}\n'.encode("utf-16"), "is text in UTF-16"),
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"\n \n", "is empty"),
        ("rows.jsonl", b"", "is empty"),
        ("rows.parquet", b"", "is empty"),
        ("rows.csv", b"PK\x03\x04" + random.Random(0).randbytes(500), "is a ZIP archive, as Excel's .xlsx files are"),
        ("rows.csv", b"\xd0\xcf\x11\xe0" + bytes(500), "is an old Excel or Office file"),
        ("rows.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "is packed with gzip; unpack it: gunzip"),
        ("rows.csv", NUMBERS, "is a Parquet file; name it .parquet"),
        ("rows.jsonl", NUMBERS, "is a Parquet file; name it .parquet"),
        ("rows.parquet", b"a,b\n1,2\n", "is no Parquet file; name a text file .csv or .jsonl"),
        ("rows.parquet", b"PAR1", "is a damaged Parquet file"),
        ("rows.parquet", NUMBERS[: len(NUMBERS) // 2], "is a Parquet file that was cut short; copy it again"),
        ("rows.parquet", NUMBERS[:200] + bytes(50) + NUMBERS[250:], "is a damaged Parquet file; write it again"),
        ("rows.parquet", NUMBERS[:-200] + b"\xff" * 50 + NUMBERS[-150:], "is a damaged Parquet file"),
        ("rows.csv", b"a,b,a\n1,2,3\n", "has two columns of one name ('a'); rename one"),
        ("rows.parquet", parquet(pa.table([[1], [2]], names=["a", "a"])), "has two columns of one name ('a')"),
        ("rows.jsonl", b'{"a": 1, "a": 2}\n', "is no readable .jsonl table"),
        ("rows.csv", b",b\n1,2\n", "'' is no name of a column"),
        ("rows.csv", b"a\x1b[2J,b\n1,2\n", "'a\\x1b[2J' is no name of a column"),
        ("rows.csv", "a\u202eb,b\n1,2\n".encode(), "is no name of a column"),
        ("rows.csv", b"x" * 300 + b",b\n1,2\n", "is no name of a column; use 1 to 255"),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", "is no readable .csv table: CSV parse error: Expected 2 columns, got 3"),
        ("rows.csv", b'"a,b\n1,2\n', "is a quotation mark open?"),
        ("rows.csv", b"a\n" + b"x" * (33 << 20) + b"\n", "has a line of over 16 MiB"),
        ("rows.jsonl", b'{"a": 1}\n{"a": }\n', "is no readable .jsonl table"),
        ("rows.jsonl", b"[1, 2]\n", "is no readable .jsonl table: line 1 is no JSON object"),
        ("rows.jsonl", b'{"a": 1}\n\nnull\n', "is no readable .jsonl table: line 3 is no JSON object"),
        ("rows.jsonl", DEEP, "column 'a' is nested deeper than 16 levels"),
        ("rows.xlsx", b"PK\x03\x04", "a table is .parquet, .csv, .jsonl"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_no_table_is_refused_in_a_sentence_about_the_file(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_table_file(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert words in said
    assert said.endswith(".") or said.endswith("folder.")
    assert "\n" not in said
    assert len(said) < len(str(path)) + 400
    for internal in ("FieldRef", "Traceback", "thrift", "block size", "pyarrow", "magic"):
        assert internal not in said


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("rows.csv", KOREAN.encode(), ["이름", "값"]),
        ("rows.csv", KOREAN.encode("utf-8-sig"), ["이름", "값"]),
        ("rows.csv", b"a b,c-d\r\n1,2\r\n", ["a b", "c-d"]),
        ("rows.csv", b"a\n" + b"x" * (3 << 20) + b"\n", ["a"]),
        ("rows.jsonl", b'{"a": "' + b"x" * (3 << 20) + b'", "b": [1]}\n', ["a", "b"]),
        ("rows.parquet", NUMBERS, ["a"]),
        ("rows.parquet", parquet(pa.table({"a": [b"\xff\x00"]})), ["a"]),
    ],
)
def test_tables_are_read(tmp_path: Path, name: str, content: bytes, columns: list[str]) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert read_table_file(path).column_names == columns


def lines_of(first: str, rows: int, last: str, header: str = "") -> bytes:
    """A file whose first 16 MiB say something else of a column than its last line."""
    return (header + first * rows + last).encode()


LATE = (20 << 20) // 8
"""Lines of eight bytes in 20 MiB."""


@pytest.mark.parametrize(
    ("first", "last", "kind", "value"),
    [
        ("1234567", "1.5", pa.float64(), 1.5),
        ("1234567", "word", pa.string(), "word"),
        ("1234567", "2026-01-01", pa.string(), "2026-01-01"),
        ("       ", "12", pa.string(), "12"),
        (",", "12", pa.int64(), 12),
        (",", "2026-01-01", pa.date32(), dt.date(2026, 1, 1)),
        ("1.25000", "1e3", pa.float64(), 1000.0),
        ("true", "maybe", pa.string(), "maybe"),
        ("2026-01-01", "2026-01-01 10:00:00", pa.timestamp("s"), dt.datetime(2026, 1, 1, 10)),
        ("2026-01-01", "soon", pa.string(), "soon"),
    ],
)
def test_the_last_line_of_a_long_csv_file_decides_as_the_first(
    tmp_path: Path, first: str, last: str, kind: pa.DataType, value: object
) -> None:
    path = tmp_path / "rows.csv"
    if first == ",":  # the column is empty at first
        path.write_bytes(lines_of(",x\n", LATE * 3, f"{last},x\n", "a,b\n"))
    else:
        path.write_bytes(lines_of(f"{first}\n", LATE, f"{last}\n", "a\n"))
    table = read_table_file(path)
    assert table.schema.field("a").type == kind
    assert table["a"][-1].as_py() == value
    assert table.schema == csv.read_csv(path, csv.ReadOptions(block_size=1 << 30)).schema


def test_columns_that_change_late_in_a_csv_file_are_found_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty columns whose last values are of other types cost a few readings of the file, not some for each column."""
    lasts = ["1.5", "word", "2026-01-01", "7", ""] * 6
    names = ",".join(f"c{number}" for number in range(len(lasts)))
    path = tmp_path / "rows.csv"
    path.write_bytes(
        lines_of(",".join(["1234567"] * 30) + "\n", (20 << 20) // 240, ",".join(lasts) + "\n", f"{names}\n")
    )
    readings, real = list[int](), csv_files._opened

    def counted(source: Path, types: dict[str, pa.DataType], after: int = 0) -> Any:
        readings.append(after)
        return real(source, types, after)

    monkeypatch.setattr(csv_files, "_opened", counted)
    schema = csv_files.csv_schema(path)
    assert len(readings) < 40
    assert schema == csv.read_csv(path, csv.ReadOptions(block_size=1 << 30)).schema
    assert [str(kind) for kind in schema.types[:5]] == ["double", "string", "string", "int64", "int64"]


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        ('{"a": 1}', '{"a": 1.5}', pa.float64()),
        ('{"a": null}', '{"a": "word"}', pa.string()),
        ('{"a": "2026-01-01"}', '{"a": "word"}', pa.string()),
        ('{"b": 1}', '{"a": 1, "b": 2}', pa.int64()),
        ('{"a": [1]}', '{"a": [1.5]}', pa.list_(pa.float64())),
    ],
)
def test_the_last_line_of_long_json_lines_decides_as_the_first(
    tmp_path: Path, first: str, last: str, kind: pa.DataType
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines_of(f"{first}\n", (20 << 20) // len(first), f"{last}\n"))
    table = read_table_file(path)
    assert table.schema.field("a").type == kind
    assert [table["a"][-1].as_py()] == [json.loads(last)["a"]]


def test_json_lines_of_several_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines_of('{"a": 1}\n', (20 << 20) // 9, '{"a": "word"}\n'))
    with pytest.raises(BadInputError, match=r"is no readable \.jsonl table: "):
        read_table_file(path)


def test_a_long_value_in_many_rows_is_read_a_few_rows_at_a_time(tmp_path: Path) -> None:
    """The file is some KB large, and its rows 400 MB."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": pa.array(["x" * 100_000] * 4000), "b": range(4000)}), path)
    batches = [(batch.num_rows, batch.nbytes) for batch in open_table_file(path).batches()]
    assert sum(rows for rows, _ in batches) == 4000
    assert max(size for _, size in batches) < 2 * 16 * 2**20


def test_no_damage_ends_in_anything_but_a_sentence(tmp_path: Path) -> None:
    chance, path = random.Random(0), tmp_path / "rows.parquet"
    text = parquet(pa.table({"a": list(range(50)), "b": ["가", "나"] * 25, "c": [[1, 2]] * 50}))
    refusals = []
    for _ in range(300):
        damaged = bytearray(text)
        for _ in range(chance.choice((1, 3, 20))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_table_file(path)
        except BadInputError as problem:
            refusals.append(str(problem))
    assert len(refusals) > 100
    assert all(said.startswith(f"{path}: ") and "\n" not in said for said in refusals)
