"""Tables come from Parquet, CSV or JSON-lines files and are kept as Delta tables.

The only module that imports deltalake.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.data.content import Content
from jinsu.data.digests import table_digest
from jinsu.data.table_files import read_table_file
from jinsu.errors import BadInputError

if TYPE_CHECKING:
    import pyarrow as pa


def write_delta(source: Path, target: Path) -> Content:
    """Writes the rows of a table file as a Delta table in the new folder `target`, in their order.

    Raises BadInputError for a file that is no table, for zero rows, for two columns of one name, and for a column whose
    type Delta does not have.
    """
    import deltalake
    import pyarrow.parquet as pq

    table = read_table_file(source)
    if table.num_rows == 0:
        raise BadInputError(f"{source}: has zero rows; a dataset needs at least one.")
    table = table.replace_schema_metadata(None)
    target.mkdir()
    try:
        # One Parquet file, which Delta then takes as it is: its own writer may split and reorder the rows.
        pq.write_table(table, target / "part-0.parquet", compression="zstd")
        deltalake.convert_to_deltalake(str(target))
    except Exception as problem:  # the libraries raise one type for each layer
        reason = str(problem).strip().splitlines()[0]
        raise BadInputError(f"{source}: cannot become a Delta table: {reason}; cast that column first.") from None
    schema = {field.name: str(field.type) for field in table.schema}
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return Content("table", table_digest(table), table.num_rows, size, schema)


def read_delta(folder: Path) -> pa.Table:
    """The rows of a Delta table, in the order in which they were written."""
    import deltalake
    import pyarrow.parquet as pq

    files = deltalake.DeltaTable(str(folder)).file_uris()
    return pq.ParquetDataset([uri.removeprefix("file://") for uri in sorted(files)]).read()
