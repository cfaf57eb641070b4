"""The split that the platform makes: which rows of a problem's dataset train, and which are held out.

The first version of a dataset fixes a plan. Which side a row is on follows from the row and the plan alone, so every run
and every machine makes the same split. A row is known by its key: the values of some of its columns, hashed with a secret
of the problem. Keys that were held out once are remembered, and stay held out in every later version.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jinsu.data.plan import Plan, Way, by_row
from jinsu.errors import BadInputError
from jinsu.spec.problem import Split

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ALL = 2**64


def fix(table: pa.Table, split: Split, target: str, features: Sequence[str] | None, salt: bytes) -> Plan:
    """The plan for a problem, from the first version of its dataset.

    Raises BadInputError for a column that the table does not have, and for a column of times without order.
    """
    for name in split.columns:
        if name not in table.column_names:
            columns = ", ".join(table.column_names)
            raise BadInputError(f"problem: split: the dataset has no column {name!r}; it has {columns}.")
    whole = tuple(name for name in table.column_names if name not in (target, split.column))
    keys = tuple(split.keys) or (whole if split.time or split.column else _naming(table, target, features))
    if not keys:
        raise BadInputError(f"problem: features: the dataset has no column but the target, {target!r}.")
    if split.time is not None:
        return Plan(Way.TIME, keys, split.holdout, split.time, cut=_cut(table, split.time, split.holdout))
    if split.column is not None:
        return Plan(Way.GIVEN, keys, split.holdout, split.column, held=tuple(split.held))
    if split.stratify is not None:
        thresholds = _thresholds(_hashes(table, keys, salt), _texts(table, split.stratify), split.holdout)
        return Plan(Way.STRATIFIED, keys, split.holdout, split.stratify, thresholds=thresholds)
    return Plan(Way.KEY, keys, split.holdout)


def without_salt(columns: Sequence[str], split: Split) -> Plan:
    """The plan of version 0.1, whose key was `by`, or the whole row, without a secret. columns: those of the table."""
    return Plan(Way.KEY, tuple(split.keys) or tuple(columns), split.holdout)


def holdout_mask(table: pa.Table, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> np.ndarray:
    """Boolean array, one value a row: True where the row is held out.

    remembered: sorted keys (uint64) that were held out before. Raises BadInputError for a column that the table does not
    have any more, and for a split that leaves one side empty.
    """
    mask = held_out(table, plan, salt, remembered)
    if mask.all() or not mask.any():
        side = "training" if mask.all() else "the held-out part"
        raise BadInputError(
            f"problem: split: of {table.num_rows} rows none is left for {side}; put more rows, or make a problem with "
            "another split."
        )
    return mask


def held_out(rows: pa.Table, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> np.ndarray:
    """As `holdout_mask`, for any rows of a table, and one side may stay empty.

    Where `by_row` holds for the plan, a row's side follows from the row alone; otherwise from the whole table, in which
    another row of the same key may be held out.
    """
    import numpy as np

    missing = [name for name in (*plan.keys, plan.column) if name and name not in rows.column_names]
    if missing:
        raise BadInputError(
            f"problem: split: the dataset has no column {missing[0]!r}, by which its rows are divided; "
            f"it has {', '.join(rows.column_names)}."
        )
    hashes = _hashes(rows, plan.keys, salt)
    match plan.way:
        case Way.KEY:
            mask = hashes < np.uint64(_threshold(plan.share))
        case Way.STRATIFIED:
            usual = _threshold(plan.share)
            limits = [plan.thresholds.get(text, usual) for text in _texts(rows, plan.column)]
            mask = hashes < np.asarray(limits, dtype=np.uint64)
        case Way.GIVEN:
            mask = np.asarray([text in plan.held for text in _texts(rows, plan.column)], dtype=bool)
        case Way.TIME:
            mask = np.asarray([_from(value, plan) for value in _times(rows, plan.column)], dtype=bool)
    if remembered is not None and len(remembered):
        mask |= _among(hashes, remembered)
    return mask if by_row(plan) else mask | _among(hashes, np.unique(hashes[mask]))


def _among(hashes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """For each hash whether it is one of the sorted keys."""
    import numpy as np

    if not len(keys):
        return np.zeros(len(hashes), dtype=bool)
    place = np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)
    found: np.ndarray = keys[place] == hashes
    return found


def held_keys(table: pa.Table, mask: np.ndarray, plan: Plan, salt: bytes) -> np.ndarray:
    """The keys of the held-out rows, sorted, each once: uint64."""
    import numpy as np

    return np.unique(_hashes(table, plan.keys, salt)[mask])


def repeated_share(table: pa.Table, mask: np.ndarray, features: Sequence[str]) -> float:
    """Share of the held-out rows whose features stand in a training row too: what a model could have learned by heart."""
    import numpy as np

    hashes = _hashes(table, features, b"")
    return float(np.isin(hashes[mask], np.unique(hashes[~mask])).mean())


def _naming(table: pa.Table, target: str, features: Sequence[str] | None) -> tuple[str, ...]:
    """The columns whose equal values stay together when nobody says which: the features, else all columns but the target.

    A number or a word that is different in every row, such as a record's id, would make equal rows look different, and so
    put one of them on each side; it is left out unless nothing else remains.
    """
    if features:
        return tuple(features)
    every = [name for name in table.column_names if name != target]
    return tuple(name for name in every if not _is_id(table, name)) or tuple(every)


def _is_id(table: pa.Table, name: str) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(name)
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if not (text or pa.types.is_integer(column.type)):
        return False
    if text and pc.any(pc.match_substring_regex(column, r"\s")).as_py():  # sentences are no ids
        return False
    return bool(pc.count_distinct(column).as_py() == table.num_rows > 1)


def _threshold(share: float) -> int:
    return min(int(share * _ALL), _ALL - 1)


def _thresholds(hashes: np.ndarray, strata: Sequence[str], share: float) -> dict[str, int]:
    """For each stratum the hash below which its share of the keys lies; a stratum of one key gets the usual threshold."""
    import numpy as np

    names = np.asarray(strata)
    found = {}
    for name in np.unique(names):
        keys = np.unique(hashes[names == name])
        wanted = round(share * len(keys))
        if 0 < wanted < len(keys):
            found[str(name)] = int(keys[wanted])
    return found


def _cut(table: pa.Table, column: str, share: float) -> float | str:
    values = sorted(value for value in _times(table, column) if value is not None)
    if not values:
        raise BadInputError(f"problem: split.time: column {column!r} holds no time.")
    found: float | str = values[min(len(values) - round(len(values) * share), len(values) - 1)]
    return found


def _times(table: pa.Table, name: str) -> list[Any]:
    """The values of a column as numbers (times as seconds since the epoch) or, when they are text, as text."""
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        micro = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
        return [None if value is None else value / 1e6 for value in micro.to_pylist()]
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return [None if value is None or value != value else float(value) for value in column.to_pylist()]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return list(column.to_pylist())
    raise BadInputError(
        f"problem: split.time: column {name!r} is {column.type}; times, numbers and ISO texts have an order."
    )


def _from(value: Any, plan: Plan) -> bool:
    """Whether a time is at or after the plan's cut; a row without a time is not held out.

    Raises BadInputError for a time of another type than the cut: nothing would be held out any more.
    """
    if value is None or plan.cut is None:
        return False
    if isinstance(value, str) != isinstance(plan.cut, str):
        before, now = ("text", "no text") if isinstance(plan.cut, str) else ("no text", "text")
        raise BadInputError(
            f"problem: split.time: column {plan.column!r} was {before} in the first version and is {now} in this one; "
            "put the rows with the type that it had."
        )
    later: bool = value >= plan.cut
    return later


def _texts(table: pa.Table, name: str) -> list[str]:
    """The values of a column as text, the same for 1 and 1.0, and for a time in whatever unit."""
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_floating(column.type):
        return [_number(value) for value in column.to_pylist()]
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        micro = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        return [str(None if value is None else value.isoformat()) for value in micro.to_pylist()]
    return [str(value) for value in column.to_pylist()]


def _number(value: float | None) -> str:
    """A number as text, the same in single and in double precision; none and NaN are both missing."""
    if value is None or value != value:
        return str(None)
    if value.is_integer():
        return str(int(value))
    try:
        return repr(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return repr(value)


def _hashes(table: pa.Table, names: Sequence[str], salt: bytes) -> np.ndarray:
    """The key of each row: uint64. With a salt, a key survives another type of its column; version 0.1 had none."""
    import numpy as np

    columns = [_texts(table, name) if salt else table.column(name).to_pylist() for name in names]
    rows = (int.from_bytes(_digest(row, salt), "big") for row in zip(*columns, strict=True))
    return np.fromiter(rows, dtype=np.uint64, count=table.num_rows)


def _digest(row: tuple[object, ...], salt: bytes) -> bytes:
    return hashlib.blake2b(repr(row).encode(), digest_size=8, key=salt).digest()
