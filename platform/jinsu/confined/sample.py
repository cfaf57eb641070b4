"""The program SAMPLE: the first rows that a training would get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.split import keys_of, plan_for
from jinsu.confined.tasks import DATASET, SALT, SAMPLE
from jinsu.data.plan import Plan, by_row
from jinsu.data.split import divide, sides
from jinsu.data.tables import Rows, batches_of, open_delta
from jinsu.sdk.step_files import StepFiles

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_PIECE = 1024
"""How many rows are looked at in one go."""


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    import pyarrow.parquet as pq

    details = decode(tasks.Sample, document)
    salt = bytes.fromhex(secrets[SALT])
    table = open_delta(files.inputs / DATASET)
    plan = details.plan or plan_for(table, details.split, details.target, details.features, salt)
    rows = first_rows(table, details.rows, plan, salt, keys_of(files))
    pq.write_table(rows, files.out / SAMPLE, compression="zstd")


def first_rows(rows: Rows, wanted: int, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> pa.Table:
    """The first rows, `wanted` at most, that are not held out. Raises BadInputError when every row is."""
    import numpy as np
    import pyarrow as pa

    whole = None if by_row(plan) else sides(rows, plan, salt, remembered).held
    found, start = [rows.schema.empty_table()], 0
    for piece in _pieces(rows):
        end = start + piece.num_rows
        held = sides(piece, plan, salt, remembered).held if whole is None else whole[start:end]
        start = end
        found.append(piece.take(np.flatnonzero(~held)[:wanted]))
        wanted -= found[-1].num_rows
        if not wanted:
            break
    table = pa.concat_tables(found)
    if not table.num_rows:
        divide(rows, plan, salt, remembered)
    return table


def _pieces(rows: Rows) -> Iterator[pa.Table]:
    import pyarrow as pa

    for batch in batches_of(rows):
        for start in range(0, batch.num_rows, _PIECE):
            yield pa.Table.from_batches([batch.slice(start, _PIECE)])
