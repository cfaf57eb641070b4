"""The program SPLIT: divides the rows of a dataset, and adds to the keys that are held out for ever."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.confined.tasks import DATASET, HELD, REMEMBERED, SALT, Sides
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE, Plan
from jinsu.data.split import divide, fix, repeated_share, without_salt
from jinsu.data.tables import Rows, StoredRows, open_delta
from jinsu.packaging.inputs import feature_columns
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.problem import Split

if TYPE_CHECKING:
    import numpy as np


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    import numpy as np

    details = decode(tasks.Split, document)
    salt = bytes.fromhex(secrets[SALT])
    rows = open_delta(files.inputs / DATASET)
    plan = details.plan or plan_for(rows, details.split, details.target, details.features, salt)
    remembered = keys_of(files)
    division = divide(rows, plan, salt, remembered)
    _write_sides(rows, division.held, files.out)
    found = division.held_keys
    np.save(files.out / HELD, found if remembered is None else np.union1d(remembered, found), allow_pickle=False)
    columns = feature_columns(rows.column_names, details.features, details.target, plan_column(details.split))
    repeated = repeated_share(rows, division.held, columns)
    held = int(division.held.sum())
    write_findings(files.out, Sides(plan, rows.num_rows - held, held, repeated))


def _write_sides(rows: StoredRows, held: np.ndarray, out: Path) -> None:
    """Writes the training and the held-out rows, each in their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = 0
    with (
        pq.ParquetWriter(out / TRAIN_FILE, rows.schema, compression="zstd") as train,
        pq.ParquetWriter(out / EVAL_FILE, rows.schema, compression="zstd") as kept,
    ):
        for batch in rows.batches():
            side = held[start : start + batch.num_rows]
            start += batch.num_rows
            for writer, chosen in ((train, ~side), (kept, side)):
                if chosen.any():  # else the file would have a group without rows
                    writer.write_batch(batch.filter(pa.array(chosen)))


def plan_for(rows: Rows, split: Mapping[str, Any], target: str, features: Any, salt: bytes) -> Plan:
    """The plan that these rows fix. Without a secret it is that of version 0.1."""
    section = Split.model_validate(split)
    if not salt:
        return without_salt(rows.column_names, section)
    return fix(rows, section, target, features, salt)


def plan_column(split: Mapping[str, Any]) -> str | None:
    """The column that says which rows are held out, which no model reads."""
    return Split.model_validate(split).column


def keys_of(files: StepFiles) -> np.ndarray | None:
    """The keys that were held out before; None before the first validation."""
    import numpy as np

    path = files.inputs / REMEMBERED
    if not path.is_file():
        return None
    keys: np.ndarray = np.load(path, allow_pickle=False)
    return keys
