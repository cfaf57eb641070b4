"""Writes rows that a training would get, in a process of its own.

python -m jinsu.api.sample REFERENCE ROWS HOLDOUT COLUMN FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.data.split import holdout_mask
from jinsu.errors import JinsuError
from jinsu.installation import connect

_MARGIN = 4
"""How many times more rows are looked at than are wanted: some of them are held out."""


def main() -> None:
    import numpy as np
    import pyarrow.parquet as pq

    reference, rows, holdout, by, path = sys.argv[1:]
    store = connect().datasets
    try:
        table = store.table(store.resolve(reference))
        looked_at = table.slice(0, _MARGIN * int(rows))
        held = holdout_mask(looked_at, float(holdout), by or None)
        pq.write_table(looked_at.take(np.flatnonzero(~held)[: int(rows)]), Path(path), compression="zstd")
    except JinsuError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
