"""Parquet files batch by batch, in memory that does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.sdk.parquet_reading import batch_rows, opened

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_ROWS = 65_536


def parquet_schema(source: Path) -> pa.Schema:
    """The names and types of the columns. A column of categories has the type of its categories."""
    import pyarrow as pa

    with opened(source) as file:
        return pa.schema([field.with_type(_plain(field.type)) for field in file.schema_arrow])


def parquet_batches(
    sources: Sequence[Path], schema: pa.Schema, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of all files, in their order. schema: of the files. columns: those that are read; None for all."""
    import pyarrow as pa

    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    for source in sources:
        with opened(source) as file:
            places = [file.schema_arrow.get_field_index(name) for name in wanted.names]
            names = [file.schema_arrow.field(place).name for place in places]
            for batch in file.iter_batches(batch_rows(file, names, _MOST_ROWS), columns=names, use_threads=False):
                yield _cast(batch.select(wanted.names), wanted)


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    if batch.schema == schema:
        return batch
    columns = [column.cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
