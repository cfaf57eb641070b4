"""CSV files batch by batch. A column has one type, that of all its values, wherever in the file they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_LINE = 16 * 2**20
"""Bytes that are parsed together; a line cannot be longer."""
_MISFIT = re.compile(r"In CSV column #(\d+): .*CSV conversion error to ", re.DOTALL)


def csv_schema(source: Path) -> pa.Schema:
    """The names and types of the columns.

    The library guesses types from the beginning of a file. Where a later value does not fit, the columns get wider types and the file
    is read again, so the whole file decides. Raises pyarrow's exceptions for a file that is no CSV table.
    """
    import pyarrow as pa

    with _opened(source, {}) as reader:
        schema = reader.schema
    while True:
        types, rows = dict(zip(schema.names, schema.types, strict=True)), 0
        try:
            with _opened(source, types) as reader:
                for batch in reader:
                    rows += batch.num_rows
            return schema
        except pa.ArrowInvalid as problem:
            misfit = _MISFIT.search(str(problem))
            wider = _wider(schema.types[int(misfit[1])]) if misfit else None
            if misfit is None or wider is None:
                raise
            place = int(misfit[1])
            schema = _joined(schema.set(place, schema.field(place).with_type(wider)), _guessed_after(source, rows))


def _guessed_after(source: Path, rows: int) -> list[pa.DataType]:
    """The types that fit the part of the file after so many rows, by column; none where it cannot be read by itself."""
    import pyarrow as pa

    try:
        with _opened(source, {}, rows) as reader:
            return list(reader.schema.types)
    except pa.ArrowInvalid:
        return []


def _joined(schema: pa.Schema, guessed: Sequence[pa.DataType]) -> pa.Schema:
    """The schema with a guessed type wherever it is the wider one.

    All columns that change in one part of a file change together: one by one, each would cost a reading of the file.
    """
    ladder = _ladder()
    for place, (field, guess) in enumerate(zip(schema, guessed, strict=False)):
        if field.type in ladder and guess in ladder and ladder.index(guess) > ladder.index(field.type):
            schema = schema.set(place, field.with_type(guess))
    return schema


def csv_batches(source: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows, whose schema `csv_schema` found."""
    with _opened(source, dict(zip(schema.names, schema.types, strict=True))) as reader:
        yield from reader


def _opened(source: Path, types: dict[str, pa.DataType], after: int = 0) -> pa.csv.CSVStreamingReader:
    """The rows after the first `after`."""
    from pyarrow import csv

    read = csv.ReadOptions(block_size=LONGEST_LINE, skip_rows_after_names=after)
    return csv.open_csv(source, read, convert_options=csv.ConvertOptions(column_types=types))


@cache
def _ladder() -> tuple[pa.DataType, ...]:
    """Types in the order in which the library tries them, from narrow to wide."""
    import pyarrow as pa

    times = [pa.timestamp(unit, zone) for unit in ("s", "ns") for zone in (None, "UTC")]
    return (pa.null(), pa.int64(), pa.bool_(), pa.date32(), pa.time32("s"), *times, pa.float64(), pa.string())


def _wider(kind: pa.DataType) -> pa.DataType | None:
    """The type that is tried after one that did not fit; None after the last."""
    ladder = _ladder()
    if kind not in ladder[:-1]:
        return None
    return ladder[ladder.index(kind) + 1]
