"""Tables come from Parquet, CSV or JSON-lines files and are kept as Delta tables. Their rows are never in memory together.

The only module that imports deltalake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from jinsu.data.content import Content
from jinsu.data.digests import TableDigest
from jinsu.data.parquet_files import parquet_batches, parquet_schema
from jinsu.data.table_files import TableFile, open_table_file
from jinsu.errors import BadInputError

if TYPE_CHECKING:
    import pyarrow as pa

Rows: TypeAlias = "StoredRows | pa.Table"
"""The rows of a table, on the disk or in memory."""
PART_BYTES = 2**30
"""About how large a file of a Delta table is at most."""


@dataclass(frozen=True)
class StoredRows:
    """The rows of Parquet files on the disk, in the order in which they were written."""

    files: tuple[Path, ...]
    schema: pa.Schema
    num_rows: int

    @property
    def column_names(self) -> list[str]:
        return list(self.schema.names)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """A part of the rows at a time. columns: those that are read; None for all."""
        return parquet_batches(self.files, self.schema, columns)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows together. columns: those that are read; None for all."""
        import pyarrow as pa

        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        return pa.Table.from_batches(self.batches(columns), schema)


def write_delta(source: Path, target: Path) -> Content:
    """Writes the rows of a table file as a Delta table in the new folder `target`, in their order.

    Raises BadInputError for a file that is no table, for zero rows, for two columns of one name, and for a column whose
    type Delta does not have.
    """
    import deltalake

    file = open_table_file(source)
    target.mkdir()
    try:
        # Delta takes these Parquet files as they are: its own writer may split and reorder the rows.
        digest, rows = _write_parts(file, target)
        if rows == 0:
            raise BadInputError(f"{source}: has zero rows; a dataset needs at least one.")
        deltalake.convert_to_deltalake(str(target))
    except BadInputError:
        raise
    except Exception as problem:  # the libraries raise one type for each layer
        reason = str(problem).strip().splitlines()[0]
        raise BadInputError(f"{source}: cannot become a Delta table: {reason}; cast that column first.") from None
    schema = {field.name: str(field.type) for field in file.schema}
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return Content("table", digest.hexdigest(), rows, size, schema)


def _write_parts(file: TableFile, target: Path) -> tuple[TableDigest, int]:
    """Writes Parquet files whose names are in the order of the rows; returns the digest of all rows and their number."""
    import pyarrow.parquet as pq

    digest, rows, number, writer = TableDigest(file.schema), 0, 0, None
    path = target
    try:
        for batch in file.batches():
            if writer is not None and path.stat().st_size > PART_BYTES:
                writer.close()
                writer, number = None, number + 1
            if writer is None:
                path = target / f"part-{number:05}.parquet"
                writer = pq.ParquetWriter(path, file.schema, compression="zstd")
            digest.add(batch)
            writer.write_batch(batch)
            rows += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return digest, rows


def open_delta(folder: Path) -> StoredRows:
    """The rows of a Delta table, none of which is read yet."""
    import deltalake

    uris = deltalake.DeltaTable(str(folder)).file_uris()
    return open_parquet(*[Path(uri.removeprefix("file://")) for uri in sorted(uris)])


def open_parquet(*files: Path) -> StoredRows:
    """The rows of Parquet files of one schema, none of which is read yet."""
    import pyarrow.parquet as pq

    return StoredRows(files, parquet_schema(files[0]), sum(pq.read_metadata(file).num_rows for file in files))


def batches_of(rows: Rows, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """A part of the rows at a time, in their order. columns: those that are read; None for all."""
    if isinstance(rows, StoredRows):
        yield from rows.batches(columns)
    else:
        yield from (rows if columns is None else rows.select(columns)).combine_chunks().to_batches()
