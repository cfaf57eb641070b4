"""The split that the platform makes: which rows train, which are held out.

A row's side follows from a hash of its content, so it is the same in every run and on every machine, and two equal
rows never end on different sides (a duplicate in both parts would flatter the model).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jinsu.errors import BadInputError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


TRAIN_FILE, EVAL_FILE = "train.parquet", "eval.parquet"
"""Files of the two sides: the rows that a training gets, and the held-out rows, which the platform keeps."""


def holdout_mask(table: pa.Table, share: float, by: str | None = None) -> np.ndarray:
    """Boolean array, one value a row: True where the row is held out. About `share` of the rows are.

    With `by`, only that column decides, so its equal values stay together. Raises BadInputError for a column that the
    table does not have, and for a share that leaves one side empty.
    """
    mask = held_out(table, share, by)
    if mask.all() or not mask.any():
        raise BadInputError(
            f"data.holdout: {share:g} of {table.num_rows} rows leaves one side empty; put more rows or change the share."
        )
    return mask


def held_out(rows: pa.Table, share: float, by: str | None = None) -> np.ndarray:
    """As `holdout_mask`, for any rows of a table: each one's side follows from the row alone."""
    import numpy as np

    if by is not None and by not in rows.column_names:
        raise BadInputError(
            f"data.holdout_by: the dataset has no column {by!r}; it has {', '.join(rows.column_names)}."
        )
    columns = [rows.column(name).to_pylist() for name in ([by] if by else rows.column_names)]
    threshold = int(share * 2**64)
    hashes = (_row_hash(row) for row in zip(*columns, strict=True))
    return np.fromiter((value < threshold for value in hashes), dtype=bool, count=rows.num_rows)


def _row_hash(row: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=8).digest(), "big")
