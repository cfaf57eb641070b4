"""Writes rows that a training would get, in a process of its own.

python -m jinsu.api.sample REFERENCE ROWS HOLDOUT COLUMN FILE
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.data.split import held_out, holdout_mask
from jinsu.errors import JinsuError
from jinsu.installation import connect

if TYPE_CHECKING:
    import pyarrow as pa

_PIECE = 1024
"""How many rows are looked at in one go."""


def main() -> None:
    import pyarrow.parquet as pq

    reference, rows, holdout, by, path = sys.argv[1:]
    store = connect().datasets
    try:
        table = store.table(store.resolve(reference))
        pq.write_table(first_rows(table, int(rows), float(holdout), by or None), Path(path), compression="zstd")
    except JinsuError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


def first_rows(table: pa.Table, rows: int, share: float, by: str | None) -> pa.Table:
    """The first rows, `rows` at most, that are not held out. Raises BadInputError when every row is."""
    import numpy as np
    import pyarrow as pa

    found, wanted = [table.slice(0, 0)], rows
    for start in range(0, table.num_rows, _PIECE):
        piece = table.slice(start, _PIECE)
        found.append(piece.take(np.flatnonzero(~held_out(piece, share, by))[:wanted]))
        wanted -= found[-1].num_rows
        if not wanted:
            break
    if wanted == rows:
        holdout_mask(table, share, by)
    return pa.concat_tables(found)


if __name__ == "__main__":
    main()
