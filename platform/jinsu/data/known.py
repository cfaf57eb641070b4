"""Which held-out rows stand among the rows that another model trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jinsu.data.row_hashes import row_hashes
from jinsu.data.tables import Rows, batches_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def fresh_rows(held: Rows, trained: Rows, names: Sequence[str]) -> np.ndarray:
    """Of each held-out row, whether no training row has the same values in these columns. Columns that only one side has do not count;
    where there is no other column, no row is known.

    1, 1.0 and true are the same value, and a missing number is NaN.
    """
    import numpy as np

    shared = [name for name in names if name in held.column_names and name in trained.column_names]
    if not shared:
        return np.ones(held.num_rows, bool)
    fresh: np.ndarray = ~np.isin(_keys(held, shared), np.unique(_keys(trained, shared)))
    return fresh


def _keys(rows: Rows, names: Sequence[str]) -> np.ndarray:
    import numpy as np

    hashes = [row_hashes(_with_numbers(batch), names) for batch in batches_of(rows, names)]
    return np.concatenate([np.empty(0, np.uint64), *hashes])


def _with_numbers(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with every number of one type: a column may have had another in another version."""
    return batch.from_arrays([_number(column) for column in batch.columns], names=batch.schema.names)


def _number(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return column
    numbers = (column.cast(pa.int8()) if pa.types.is_boolean(kind) else column).cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(numbers), None, numbers)
