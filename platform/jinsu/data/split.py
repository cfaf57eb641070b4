"""The split that the platform makes: which rows of a problem's dataset train, and which are held out.

The first version of a dataset fixes a plan. Which side a row is on follows from the row and the plan alone, so every run
and every machine makes the same split. A row is known by its key: the values of some of its columns, hashed with a secret
of the problem. Keys that were held out once are remembered, and stay held out in every later version.

Rows come in batches. A key of eight bytes and a side are kept of each row, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinsu.data.keys import row_keys, texts
from jinsu.data.plan import Plan, Way, by_row
from jinsu.data.row_hashes import row_hashes
from jinsu.data.tables import Rows, batches_of
from jinsu.errors import BadInputError
from jinsu.spec.problem import Split

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ALL = 2**64


@dataclass(frozen=True)
class Division:
    """Which rows are held out (boolean), and the key of each row (uint64), in the order of the rows."""

    held: np.ndarray
    keys: np.ndarray

    @property
    def held_keys(self) -> np.ndarray:
        """The keys of the held-out rows, sorted, each once."""
        import numpy as np

        return np.unique(self.keys[self.held])


def fix(rows: Rows, split: Split, target: str, features: Sequence[str] | None, salt: bytes) -> Plan:
    """The plan for a problem, from the first version of its dataset.

    Raises BadInputError for a column that the table does not have, and for a column of times without order.
    """
    for name in split.columns:
        if name not in rows.column_names:
            columns = ", ".join(rows.column_names)
            raise BadInputError(f"problem: split: the dataset has no column {name!r}; it has {columns}.")
    whole = tuple(name for name in rows.column_names if name not in (target, split.column))
    keys = tuple(split.keys) or (whole if split.time or split.column else _naming(rows, target, features))
    if not keys:
        raise BadInputError(f"problem: features: the dataset has no column but the target, {target!r}.")
    if split.time is not None:
        return Plan(Way.TIME, keys, split.holdout, split.time, cut=_cut(rows, split.time, split.holdout))
    if split.column is not None:
        return Plan(Way.GIVEN, keys, split.holdout, split.column, held=tuple(split.held))
    if split.stratify is not None:
        thresholds = _thresholds(rows, keys, split.stratify, split.holdout, salt)
        return Plan(Way.STRATIFIED, keys, split.holdout, split.stratify, thresholds=thresholds)
    return Plan(Way.KEY, keys, split.holdout)


def without_salt(columns: Sequence[str], split: Split) -> Plan:
    """The plan of version 0.1, whose key was `by`, or the whole row, without a secret. columns: those of the table."""
    return Plan(Way.KEY, tuple(split.keys) or tuple(columns), split.holdout)


def divide(rows: Rows, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> Division:
    """Which rows are held out.

    remembered: sorted keys (uint64) that were held out before. Raises BadInputError for a column that the table does not
    have any more, and for a split that leaves one side empty.
    """
    division = sides(rows, plan, salt, remembered)
    if division.held.all() or not division.held.any():
        if rows.num_rows > 1 and (division.keys == division.keys[0]).all():
            raise BadInputError(
                f"problem: split: all {rows.num_rows} rows have the same values in {', '.join(plan.keys)}, so they are on one "
                "side; make a problem whose rows are divided by other columns."
            )
        side = "training" if division.held.all() else "the held-out part"
        raise BadInputError(
            f"problem: split: of {rows.num_rows} rows none is left for {side}; put more rows, or make a problem with "
            "another split."
        )
    return division


def sides(rows: Rows, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> Division:
    """As `divide`, for any rows of a table, and one side may stay empty.

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
    keys = np.empty(rows.num_rows, np.uint64)
    held = np.empty(rows.num_rows, bool)
    wanted = list(dict.fromkeys([*plan.keys, *filter(None, [plan.column])]))
    for batch, place in _placed(rows, wanted):
        keys[place] = row_keys(batch, plan.keys, salt)
        held[place] = _own_side(batch, plan, keys[place])
    if remembered is not None and len(remembered):
        held |= _among(keys, remembered)
    if not by_row(plan):
        held |= _among(keys, np.unique(keys[held]))
    return Division(held, keys)


def _placed(rows: Rows, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, slice]]:
    """Each batch, and where its rows stand in the table."""
    start = 0
    for batch in batches_of(rows, columns):
        yield batch, slice(start, start + batch.num_rows)
        start += batch.num_rows


def _own_side(batch: pa.RecordBatch, plan: Plan, keys: np.ndarray) -> np.ndarray:
    """Whether each row is held out by itself, whatever other rows of its key are."""
    import numpy as np

    side: np.ndarray
    match plan.way:
        case Way.KEY:
            side = keys < np.uint64(_threshold(plan.share))
        case Way.STRATIFIED:
            usual = _threshold(plan.share)
            limits = [plan.thresholds.get(text, usual) for text in texts(batch.column(plan.column))]
            side = keys < np.asarray(limits, dtype=np.uint64)
        case Way.GIVEN:
            side = np.asarray([text in plan.held for text in texts(batch.column(plan.column))], dtype=bool)
        case Way.TIME:
            side = _late(_times(batch.column(plan.column), plan.column), plan)
    return side


def _among(hashes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """For each hash whether it is one of the sorted keys."""
    import numpy as np

    if not len(keys):
        return np.zeros(len(hashes), dtype=bool)
    place = np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)
    found: np.ndarray = keys[place] == hashes
    return found


def repeated_share(rows: Rows, held: np.ndarray, features: Sequence[str]) -> float:
    """Share of the held-out rows whose features stand in a training row too: what a model could have learned by heart."""
    import numpy as np

    keys = np.empty(rows.num_rows, np.uint64)
    for batch, place in _placed(rows, features):
        keys[place] = row_hashes(batch, features)
    return float(_among(keys[held], np.unique(keys[~held])).mean())


def _naming(rows: Rows, target: str, features: Sequence[str] | None) -> tuple[str, ...]:
    """The columns whose equal values stay together when nobody says which: the features, else all columns but the target.

    A number or a word that is different in every row, such as a record's id, would make equal rows look different, and so
    put one of them on each side; it is left out unless nothing else remains.
    """
    if features:
        return tuple(features)
    every = [name for name in rows.column_names if name != target]
    ids = _ids(rows, every)
    return tuple(name for name in every if name not in ids) or tuple(every)


def _ids(rows: Rows, names: Sequence[str]) -> set[str]:
    """The columns of whole numbers or words in which no value stands twice."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    seen: dict[str, list[np.ndarray]] = {name: [] for name in names if _may_be_id(rows.schema.field(name).type)}
    for batch in batches_of(rows, list(seen)):
        for name in list(seen):
            column = batch.column(name)
            words = not pa.types.is_integer(column.type)
            sentences = words and pc.any(pc.match_substring_regex(column, r"\s")).as_py()  # sentences are no ids
            if sentences or pc.count_distinct(column, "all").as_py() < batch.num_rows:
                del seen[name]
            else:
                seen[name].append(row_hashes(batch, [name]))
    return {
        name
        for name, keys in seen.items()
        if rows.num_rows > 1 and len(np.unique(np.concatenate(keys))) == rows.num_rows
    }


def _may_be_id(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind))


def _threshold(share: float) -> int:
    return min(int(share * _ALL), _ALL - 1)


def _thresholds(rows: Rows, keys: Sequence[str], column: str, share: float, salt: bytes) -> dict[str, int]:
    """For each stratum the hash below which its share of the keys lies; a stratum of one key gets the usual threshold."""
    import numpy as np

    hashes, strata = np.empty(rows.num_rows, np.uint64), np.empty(rows.num_rows, np.int64)
    numbers: dict[str, int] = {}
    for batch, place in _placed(rows, list(dict.fromkeys([*keys, column]))):
        hashes[place] = row_keys(batch, keys, salt)
        strata[place] = [numbers.setdefault(text, len(numbers)) for text in texts(batch.column(column))]
    order = np.lexsort((hashes, strata))
    ends = np.searchsorted(strata[order], np.arange(len(numbers) + 1))
    found = {}
    for text, number in sorted(numbers.items()):
        own = np.unique(hashes[order[ends[number] : ends[number + 1]]])
        wanted = round(share * len(own))
        if 0 < wanted < len(own):
            found[text] = int(own[wanted])
    return found


def _cut(rows: Rows, column: str, share: float) -> float | str:
    import pyarrow as pa
    import pyarrow.compute as pc

    times = [_times(batch.column(column), column).drop_null() for batch in batches_of(rows, [column])]
    values = pa.chunked_array(times) if times else pa.chunked_array([], pa.float64())
    if not len(values):
        raise BadInputError(f"problem: split.time: column {column!r} holds no time.")
    place = min(len(values) - round(len(values) * share), len(values) - 1)
    found: float | str = values[pc.sort_indices(values)[place].as_py()].as_py()
    return found


def _times(column: Any, name: str) -> Any:
    """The values of a column as numbers (times as seconds since the epoch) or, when they are text, as text; NaN is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        micro = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
        return pc.divide(micro.cast(pa.float64(), safe=False), 1e6)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        numbers = column.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(numbers), None, numbers)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    raise BadInputError(
        f"problem: split.time: column {name!r} is {column.type}; times, numbers and ISO texts have an order."
    )


def _late(times: Any, plan: Plan) -> np.ndarray:
    """Whether each time is at or after the plan's cut; a row without a time is not held out.

    Raises BadInputError for times of another type than the cut: nothing would be held out any more.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if plan.cut is None or times.null_count == len(times):
        return np.zeros(len(times), bool)
    if pa.types.is_floating(times.type) == isinstance(plan.cut, str):
        before, now = ("text", "no text") if isinstance(plan.cut, str) else ("no text", "text")
        raise BadInputError(
            f"problem: split.time: column {plan.column!r} was {before} in the first version and is {now} in this one; "
            "put the rows with the type that it had."
        )
    late: np.ndarray = pc.fill_null(pc.greater_equal(times, plan.cut), False).to_numpy(zero_copy_only=False)
    return late
