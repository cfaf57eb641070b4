"""Parquet files batch by batch, in memory that does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_BYTES = 16 * 2**20
"""About how much of the rows is in memory together, as their file counts it before compression."""
_MOST_ROWS = 65_536
_BUFFER = 2**20


def parquet_schema(source: Path) -> pa.Schema:
    """The names and types of the columns. A column of categories has the type of its categories."""
    import pyarrow as pa

    with _opened(source) as file:
        return pa.schema([field.with_type(_plain(field.type)) for field in file.schema_arrow])


def parquet_batches(
    sources: Sequence[Path], schema: pa.Schema, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of all files, in their order. schema: of the files. columns: those that are read; None for all."""
    import pyarrow as pa

    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    for source in sources:
        with _opened(source) as file:
            places = [file.schema_arrow.get_field_index(name) for name in wanted.names]
            names = [file.schema_arrow.field(place).name for place in places]
            for batch in file.iter_batches(_batch_rows(file), columns=names, use_threads=False):
                yield _cast(batch.select(wanted.names), wanted)


def _opened(source: Path) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    # Without a buffer a whole column of a row group would be read at once.
    return pq.ParquetFile(source, buffer_size=_BUFFER)


def _batch_rows(file: pq.ParquetFile) -> int:
    """As many rows as have BATCH_BYTES together, on the average."""
    metadata = file.metadata
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    rows = int(metadata.num_rows)
    return max(1, min(_MOST_ROWS, BATCH_BYTES * rows // max(int(size), 1)))


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    if batch.schema == schema:
        return batch
    columns = [column.cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
