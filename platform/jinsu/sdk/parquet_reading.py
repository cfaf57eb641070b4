"""Parquet files opened so that a bounded part of them is in memory, however their writer grouped the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_BYTES = 16 * 2**20
"""About how many bytes of rows are in memory together."""
_PROBED = 64
_BUFFER = 2**20


def opened(path: Path) -> pq.ParquetFile:
    """The file, which is read a page at a time."""
    import pyarrow.parquet as pq

    # Without a buffer a whole column of a row group would be read at once.
    return pq.ParquetFile(path, buffer_size=_BUFFER)


def batch_rows(file: pq.ParquetFile, columns: Sequence[str], most: int) -> int:
    """As many rows as have BATCH_BYTES together on the average, `most` at most. columns: those that are read.

    The sizes that a file names are not enough: a value that stands in many rows can be in the file once. The first rows say how
    large they are in memory.
    """
    metadata = file.metadata
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    first = next(file.iter_batches(_PROBED, columns=list(columns), use_threads=False), None)
    of_file = size / max(metadata.num_rows, 1)
    return max(1, min(most, int(BATCH_BYTES / max(of_file, _row_bytes(first), 1))))


def _row_bytes(batch: pa.RecordBatch | None) -> float:
    """How much memory a row of the batch takes."""
    import pyarrow as pa

    if batch is None or not batch.num_rows:
        return 0.0
    values = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in batch.columns]
    return sum(int(one.nbytes) for one in values) / int(batch.num_rows)


def schema_with_gaps(metadata: pq.FileMetaData) -> pa.Schema:
    """The types of the columns, the same in all parts of a file.

    Columns of whole numbers or booleans with missing values are real numbers, also in a part that misses none.
    """
    import pyarrow as pa

    fields = []
    for field in metadata.schema.to_arrow_schema():
        whole = pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)
        if whole and _misses(field.name, metadata):
            field = field.with_type(pa.float64())
        fields.append(field)
    return pa.schema(fields)


def _misses(name: str, metadata: pq.FileMetaData) -> bool:
    """Whether a column misses a value, as far as the file says it."""
    paths = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    place = paths.index(name)
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(place).statistics
        if statistics is None or not statistics.has_null_count or statistics.null_count:
            return True
    return False
