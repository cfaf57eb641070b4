"""The program SAMPLE: the first rows that a training would get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.split import keys_of, plan_for
from jinsu.confined.tasks import DATASET, SALT, SAMPLE
from jinsu.data.plan import Plan, by_row
from jinsu.data.split import held_out, holdout_mask
from jinsu.data.tables import read_delta
from jinsu.sdk.step_files import StepFiles

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_PIECE = 1024
"""How many rows are looked at in one go, where a row's side follows from the row alone."""


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    import pyarrow.parquet as pq

    details = decode(tasks.Sample, document)
    salt = bytes.fromhex(secrets[SALT])
    table = read_delta(files.inputs / DATASET)
    plan = details.plan or plan_for(table, details.split, details.target, details.features, salt)
    rows = first_rows(table, details.rows, plan, salt, keys_of(files))
    pq.write_table(rows, files.out / SAMPLE, compression="zstd")


def first_rows(table: pa.Table, rows: int, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> pa.Table:
    """The first rows, `rows` at most, that are not held out. Raises BadInputError when every row is."""
    import numpy as np
    import pyarrow as pa

    found, wanted = [table.slice(0, 0)], rows
    size = _PIECE if by_row(plan) else table.num_rows
    for start in range(0, table.num_rows, size):
        piece = table.slice(start, size)
        found.append(piece.take(np.flatnonzero(~held_out(piece, plan, salt, remembered))[:wanted]))
        wanted -= found[-1].num_rows
        if not wanted:
            break
    if wanted == rows:
        holdout_mask(table, plan, salt, remembered)
    return pa.concat_tables(found)
