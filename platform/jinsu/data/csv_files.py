"""CSV files batch by batch. A column has one type, that of all its values, wherever in the file they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
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

    The library guesses types from the beginning of a file. Where a later value does not fit, the column gets the next wider type
    and the file is read again, so the whole file decides. Raises pyarrow's exceptions for a file that is no CSV table.
    """
    import pyarrow as pa

    with _opened(source, {}) as reader:
        schema = reader.schema
    while True:
        types = dict(zip(schema.names, schema.types, strict=True))
        try:
            with _opened(source, types) as reader:
                for _ in reader:
                    pass
            return schema
        except pa.ArrowInvalid as problem:
            misfit = _MISFIT.search(str(problem))
            wider = _wider(schema.types[int(misfit[1])]) if misfit else None
            if misfit is None or wider is None:
                raise
            place = int(misfit[1])
            schema = schema.set(place, schema.field(place).with_type(wider))


def csv_batches(source: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows, whose schema `csv_schema` found."""
    with _opened(source, dict(zip(schema.names, schema.types, strict=True))) as reader:
        yield from reader


def _opened(source: Path, types: dict[str, pa.DataType]) -> pa.csv.CSVStreamingReader:
    from pyarrow import csv

    how = csv.ConvertOptions(column_types=types)
    return csv.open_csv(source, csv.ReadOptions(block_size=LONGEST_LINE), convert_options=how)


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
