"""Which held-out rows stand among the rows that another model trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinsu.data.keys import row_keys
from jinsu.data.tables import Rows, batches_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_KEY = b"known rows"
"""The hashes are compared with each other alone, so their key is no secret."""


def fresh_rows(held: Rows, trained: Rows, names: Sequence[str]) -> np.ndarray:
    """Of each held-out row, whether no training row has the same values in these columns. Columns that only one side has do not count.

    Numbers that are equal in single precision are the same, and so are 1, 1.0 and true.
    """
    import numpy as np

    shared = [name for name in names if name in held.column_names and name in trained.column_names]
    fresh: np.ndarray = ~np.isin(_keys(held, shared), np.unique(_keys(trained, shared)))
    return fresh


def _keys(rows: Rows, names: Sequence[str]) -> np.ndarray:
    import numpy as np

    keys = [row_keys(_with_numbers(batch), names, _KEY) for batch in batches_of(rows, names)]
    return np.concatenate([np.empty(0, np.uint64), *keys])


def _with_numbers(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with 1 and 0 for true and false: a column may have been either in another version."""
    import pyarrow as pa

    columns = [column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
