"""Columns of a Parquet file as numpy arrays: how rows look to a training script and to the evaluation alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from jinsu.sdk.parquet_reading import batch_rows, opened, schema_with_gaps

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Columns: TypeAlias = "dict[str, np.ndarray]"
"""Arrays by column name; the first axis of each is the rows."""


def read_columns(path: Path) -> Columns:
    """All columns of a Parquet file, by name."""
    import pyarrow.parquet as pq

    return columns_of(pq.read_table(path))


class ColumnFile(Mapping[str, "np.ndarray"]):
    """The columns of a Parquet file by name. A column is read when it is asked for, and not kept.

    rows: how many there are.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        metadata = pq.read_metadata(path)
        self._path, self.rows = path, int(metadata.num_rows)
        self._schema = schema_with_gaps(metadata)
        self._names = list(self._schema.names)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        return self._read([name])[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def parts(self, names: Sequence[str]) -> Iterator[Columns]:
        """These columns, a part of the rows at a time."""
        import pyarrow as pa

        with opened(self._path) as file:
            size = batch_rows(file, names, _PART_ROWS)
            for batch in file.iter_batches(size, columns=list(names), use_threads=False):
                yield columns_of(self._cast(pa.Table.from_batches([batch]), names))

    def at(self, names: Sequence[str], rows: Sequence[int]) -> Columns:
        """These columns of the rows with these numbers, in this order."""
        import numpy as np

        found: dict[str, list[np.ndarray]] = {name: [] for name in names}
        with opened(self._path) as file:
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            ends = np.cumsum(sizes)
            for row in rows:
                group = int(np.searchsorted(ends, row, side="right"))
                table = self._cast(file.read_row_group(group, columns=list(names)), names)
                one = columns_of(table.slice(row - int(ends[group] - sizes[group]), 1))
                for name in names:
                    found[name].append(one[name])
        return {name: _joined(arrays) for name, arrays in found.items()}

    def _cast(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        """These columns, each of the type that it has in every part."""
        import pyarrow as pa

        return table.select(list(names)).cast(pa.schema([self._schema.field(name) for name in names]), safe=False)

    def _read(self, names: Sequence[str]) -> Columns:
        with opened(self._path) as file:
            return columns_of(file.read(columns=list(names)).select(list(names)))


_PART_ROWS = 16_384


def parts_of(columns: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[Columns]:
    """These columns, a part of the rows at a time where they are in a file, else all at once."""
    if isinstance(columns, ColumnFile):
        yield from columns.parts(names)
    else:
        yield {name: columns[name] for name in names}


def rows_at(columns: Mapping[str, np.ndarray], names: Sequence[str], rows: Sequence[int]) -> Columns:
    """These columns of the rows with these numbers, in this order."""
    if isinstance(columns, ColumnFile):
        return columns.at(names, rows)
    return {name: columns[name][list(rows)] for name in names}


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    """The rows of all arrays; an array of objects where their shapes differ."""
    import numpy as np

    if not arrays:
        return np.empty(0)
    if len({(array.shape[1:], array.dtype.kind) for array in arrays}) == 1:
        return np.concatenate(arrays)
    return _objects([array[0] for array in arrays])


def columns_of(table: pa.Table) -> Columns:
    """One array a column, first axis rows.

    Numbers keep their type, but decimals, and whole numbers and booleans of which one is missing, become `float64` with NaN; times
    and days are `datetime64`; text is an object array of `str`; lists or byte strings of one length become a second axis
    (`float32 (n, 64)`, `uint8 (n, 784)`), lists of lists of one shape more of them; anything else stays an object array.
    """
    return {name: _array(table.column(name).combine_chunks()) for name in table.column_names}


def _array(column: Any) -> np.ndarray:
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _stack([np.frombuffer(value or b"", dtype=np.uint8) for value in column.to_pylist()])
    if _is_list(kind):
        return _lists(column)
    if pa.types.is_decimal(kind) or (pa.types.is_boolean(kind) and column.null_count):
        column = column.cast(pa.float64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _objects(column.to_pylist())
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _lists(column: Any) -> np.ndarray:
    """Lists of numbers, or lists of such lists, as one array where all rows have one shape."""
    import numpy as np
    import pyarrow as pa

    inner = column.type.value_type
    while _is_list(inner):
        inner = inner.value_type
    values = column.to_pylist()
    if not (pa.types.is_integer(inner) or pa.types.is_floating(inner)):
        return _objects(values)
    try:
        return _stack([np.asarray(value or [], dtype=inner.to_pandas_dtype()) for value in values])
    except (ValueError, TypeError):  # a list of lists of several lengths, or a missing number
        return _objects(values)


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
