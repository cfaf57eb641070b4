"""Writes rows that a training would get, in a process of its own.

python -m jinsu.api.sample ROWS FILE, with the question of `jinsu.api.sampling` on its standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.api.sampling import Question, question_from
from jinsu.data.split import Plan, by_row, fix, held_out, holdout_mask, without_salt
from jinsu.errors import JinsuError
from jinsu.installation import connect
from jinsu.spec.problem import Split

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_PIECE = 1024
"""How many rows are looked at in one go, where a row's side follows from the row alone."""


def main() -> None:
    import pyarrow.parquet as pq

    rows, path = sys.argv[1:]
    question = question_from(sys.stdin.buffer.read())
    installation = connect()
    try:
        table = installation.datasets.table(installation.datasets.resolve(question.dataset))
        plan, remembered = _plan(question, table), None
        if question.plan is not None:
            fixed = installation.splits.fixed(question.problem)
            remembered = None if fixed is None else fixed.remembered
        found = first_rows(table, int(rows), plan, bytes.fromhex(question.salt), remembered)
        pq.write_table(found, Path(path), compression="zstd")
    except JinsuError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


def _plan(question: Question, table: pa.Table) -> Plan:
    if question.plan is not None:
        return question.plan
    split = Split.model_validate(question.split)
    if not question.salt:
        return without_salt(table.column_names, split)
    return fix(table, split, question.target, question.features, bytes.fromhex(question.salt))


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


if __name__ == "__main__":
    main()
