"""The program SPLIT: divides the rows of a dataset, and adds to the keys that are held out for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.confined.tasks import DATASET, HELD, REMEMBERED, SALT, Sides
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE, Plan
from jinsu.data.split import fix, held_keys, holdout_mask, repeated_share, without_salt
from jinsu.data.tables import read_delta
from jinsu.packaging.inputs import feature_columns
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.problem import Split

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    import numpy as np
    import pyarrow.parquet as pq

    details = decode(tasks.Split, document)
    salt = bytes.fromhex(secrets[SALT])
    table = read_delta(files.inputs / DATASET)
    plan = details.plan or plan_for(table, details.split, details.target, details.features, salt)
    remembered = keys_of(files)
    held = holdout_mask(table, plan, salt, remembered)
    for name, chosen in ((TRAIN_FILE, ~held), (EVAL_FILE, held)):
        pq.write_table(table.take(np.flatnonzero(chosen)), files.out / name, compression="zstd")
    found = held_keys(table, held, plan, salt)
    np.save(files.out / HELD, found if remembered is None else np.union1d(remembered, found), allow_pickle=False)
    columns = feature_columns(table.column_names, details.features, details.target, plan_column(details.split))
    repeated = repeated_share(table, held, columns)
    write_findings(files.out, Sides(plan, int((~held).sum()), int(held.sum()), repeated))


def plan_for(table: pa.Table, split: Mapping[str, Any], target: str, features: Any, salt: bytes) -> Plan:
    """The plan that these rows fix. Without a secret it is that of version 0.1."""
    section = Split.model_validate(split)
    if not salt:
        return without_salt(table.column_names, section)
    return fix(table, section, target, features, salt)


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
