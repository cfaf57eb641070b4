"""Columns of a Parquet file as numpy arrays: how rows look to a training script and to the evaluation alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Columns: TypeAlias = "dict[str, np.ndarray]"
"""Arrays by column name; the first axis of each is the rows."""


def read_columns(path: Path) -> Columns:
    """All columns of a Parquet file, by name."""
    import pyarrow.parquet as pq

    return columns_of(pq.read_table(path))


def columns_of(table: pa.Table) -> Columns:
    """One array a column, first axis rows.

    Numbers keep their type; text is an object array of `str`; lists or byte strings of one length become a second
    axis (`float32 (n, 64)`, `uint8 (n, 784)`); anything else stays an object array.
    """
    return {name: _array(table.column(name).combine_chunks()) for name in table.column_names}


def _array(column: Any) -> np.ndarray:
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _stack([np.frombuffer(value or b"", dtype=np.uint8) for value in column.to_pylist()])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type):
            dtype = kind.value_type.to_pandas_dtype()
            return _stack([np.asarray(value or [], dtype=dtype) for value in column.to_pylist()])
        return _objects(column.to_pylist())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _objects(column.to_pylist())
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _stack(rows: list[np.ndarray]) -> np.ndarray:
    """One array when all rows have the same shape, else an object array of rows."""
    import numpy as np

    if len({row.shape for row in rows}) == 1:
        return np.stack(rows)
    return _objects(rows)


def _objects(values: list[Any]) -> np.ndarray:
    import numpy as np

    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
