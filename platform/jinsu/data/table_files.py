"""Tables read from the files of people: Parquet, CSV and JSON lines. Every mistake becomes one sentence about the file."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.data.csv_files import LONGEST_LINE, csv_batches, csv_schema
from jinsu.data.json_files import json_batches, json_schema
from jinsu.data.parquet_files import parquet_batches, parquet_schema
from jinsu.errors import BadInputError
from jinsu.spec.characters import is_name

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".csv", ".jsonl")
_DEEPEST, _LONGEST_NAME = 16, 255
_QUOTED = 200
_PIECE = 1 << 20
_KINDS = (
    (b"PK\x03\x04", "is a ZIP archive, as Excel's .xlsx files are; unpack it, or save the sheet as 'CSV UTF-8'"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel or Office file; save the sheet as 'CSV UTF-8'"),
    (b"\x1f\x8b", "is packed with gzip; unpack it: gunzip"),
    (b"BZh", "is packed with bzip2; unpack it: bunzip2"),
    (b"\xfd7zXZ", "is packed with xz; unpack it: unxz"),
    (b"7z\xbc\xaf", "is a 7-Zip archive; unpack it"),
    (b"%PDF", "is a PDF; export the table as CSV"),
    (b"SQLite format 3\0", "is a SQLite database; export the table as CSV"),
    (b"PAR1", "is a Parquet file; name it .parquet"),
)
"""How files of other kinds begin, and what their owner does about it."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class TableFile:
    """A table in a file of a person. `batches` reads the rows anew at each call, a part of the file at a time.

    While the rows come, BadInputError is raised for a file that turns out to be damaged.
    """

    source: Path
    schema: pa.Schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in their order."""
        with _in_words(self.source):
            for batch in _batches(self.source, self.schema):
                batch.validate(full=True)  # text that is not UTF-8 shows here, and nowhere before
                yield batch


def open_table_file(source: Path) -> TableFile:
    """The table in a file. Raises BadInputError for a file that is no table, and for one that could not be told apart later."""
    import pyarrow as pa

    if source.suffix not in SUFFIXES:
        raise BadInputError(f"{source}: a table is {', '.join(SUFFIXES)}; for other files put their folder.")
    _refuse_other_kinds(source)
    with _in_words(source):
        schema = _schema(source).remove_metadata()
        _check_columns(source, schema)
    if source.suffix == ".csv" and any(pa.types.is_binary(kind) for kind in schema.types):
        raise BadInputError(f"{source}: {_encoding(source)}.")  # what is no text becomes bytes without a word
    return TableFile(source, schema)


@contextmanager
def _in_words(source: Path) -> Iterator[None]:
    """Raises BadInputError in place of the exceptions of a library that reads the file."""
    import pyarrow as pa

    try:
        yield
    except UnicodeDecodeError:
        raise BadInputError(f"{source}: {_encoding(source)}.") from None
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as problem:
        raise BadInputError(f"{source}: {_reason(source, str(problem))}.") from None


def _schema(source: Path) -> pa.Schema:
    match source.suffix:
        case ".parquet":
            return parquet_schema(source)
        case ".csv":
            return csv_schema(source)
        case _:
            return json_schema(source)


def _batches(source: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    match source.suffix:
        case ".parquet":
            return parquet_batches([source], schema)
        case ".csv":
            return csv_batches(source, schema)
        case _:
            return json_batches(source, schema)


def _refuse_other_kinds(source: Path) -> None:
    """Raises BadInputError for a file that is empty, or whose first bytes say that it is of another kind than its name."""
    with source.open("rb") as stream:
        first = stream.read(512)
    if not first.strip():
        raise BadInputError(f"{source}: is empty; a table has a line or a field with the names of its columns.")
    named = source.suffix
    for beginning, what in _KINDS:
        if first.startswith(beginning) and (beginning, named) != (b"PAR1", ".parquet"):
            raise BadInputError(f"{source}: {what}. It is no {named} file.")
    if named == ".parquet" and not first.startswith(b"PAR1"):
        raise BadInputError(f"{source}: is no Parquet file; name a text file .csv or .jsonl.")
    if named != ".parquet" and (first.startswith(_UTF16) or _looks_wide(first)):
        raise BadInputError(f"{source}: {_UTF16_SENTENCE}.")


def _looks_wide(first: bytes) -> bool:
    """Whether every second byte is zero, as Latin letters are in UTF-16."""
    return len(first) >= 8 and (not any(first[1::2][:-1]) or not any(first[::2][:-1]))


def _check_columns(source: Path, schema: pa.Schema) -> None:
    """Raises BadInputError for names that are twice there, or none, and for values that are nested without end."""
    doubled = [name for name, count in Counter(schema.names).items() if count > 1]
    if doubled:
        shown = ", ".join(repr(name[:60]) for name in doubled[:5])
        raise BadInputError(f"{source}: has two columns of one name ({shown}); rename one.")
    for name, kind in zip(schema.names, schema.types, strict=True):
        if not is_name(name, _LONGEST_NAME):
            raise BadInputError(
                f"{source}: {name[:60]!r} is no name of a column; use 1 to {_LONGEST_NAME} printable characters."
            )
        if _depth(kind) > _DEEPEST:
            raise BadInputError(f"{source}: column {name!r} is nested deeper than {_DEEPEST} levels; flatten it.")


def _depth(kind: pa.DataType) -> int:
    """Levels of lists and structures, counted to one more than is allowed."""
    level, deep = [kind], 0
    while level and deep <= _DEEPEST + 1:
        level = [part.field(number).type for part in level for number in range(part.num_fields)]
        deep += 1
    return deep


def _reason(source: Path, problem: str) -> str:
    """What is wrong with a file, in words about the file. problem: pyarrow's."""
    if source.suffix == ".parquet":
        if "UTF8" in problem:
            return "holds text that is not UTF-8; cast that column to binary, or write it again"
        with source.open("rb") as stream:
            stream.seek(max(0, source.stat().st_size - 4))
            whole = stream.read() == b"PAR1"
        return "is a damaged Parquet file; write it again" if whole else "is a Parquet file that was cut short; copy it again"
    if "UTF8" in problem:
        return _encoding(source)
    if "straddling" in problem:
        return f"has a line of over {LONGEST_LINE // 2**20} MiB; is a quotation mark open?"
    if "Empty" in problem:
        return "holds no line that can be read; is a quotation mark open?"
    text = " ".join(problem.split())
    shown = text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
    return f"is no readable {source.suffix} table: {shown.rstrip('.')}"


_UTF16_SENTENCE = "is text in UTF-16; convert it: iconv -f UTF-16 -t UTF-8, or save it as 'CSV UTF-8'"


def _encoding(source: Path) -> str:
    """In what encoding a text seems to be that is not UTF-8, and how to convert it."""
    if _decodes(source, "utf-8"):
        return "holds names or values that are no text"
    if _decodes(source, "cp949", hangul=True):
        return "is text in CP949 (EUC-KR), not UTF-8; convert it: iconv -f CP949 -t UTF-8, or save it as 'CSV UTF-8'"
    return "is not text in UTF-8; convert it, such as: iconv -f LATIN1 -t UTF-8, or save it as 'CSV UTF-8'"


def _decodes(source: Path, encoding: str, *, hangul: bool = False) -> bool:
    """Whether the whole file is text in an encoding. hangul: and most of what is not ASCII is Korean."""
    decoder = codecs.getincrementaldecoder(encoding)()
    foreign = korean = 0
    try:
        with source.open("rb") as stream:
            while piece := stream.read(_PIECE):
                text = decoder.decode(piece)
                if hangul:
                    foreign += sum(letter > "\x7f" for letter in text)
                    korean += sum("가" <= letter <= "힣" for letter in text)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return not hangul or 2 * korean > foreign
