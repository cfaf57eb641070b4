"""What differs between two versions of a table: rows added, removed and changed, counted in bounded memory.

A row is known by a hash of 64 bits, so two rows that differ are taken for equal once in 10^19 pairs. Memory grows with the
number of rows, about 40 bytes each, and not with what the rows hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.data.changes import RowChange
from jinsu.data.row_hashes import row_hashes
from jinsu.data.tables import StoredRows, open_parquet
from jinsu.errors import BadInputError
from jinsu.sdk.file_listing import read_entries, read_header

if TYPE_CHECKING:
    import numpy as np


def row_change(old: Path, new: Path, keys: Sequence[str] = ()) -> RowChange:
    """Compares the rows of two tables, each a folder of Parquet files, over the columns that both have with one type.

    keys: columns whose values say which row of one version is which of the other; without them a changed row counts as one
    removed and one added. Raises BadInputError for a key that is not in both.
    """
    before, after = _rows(old), _rows(new)
    columns = _common(before, after)
    for name in keys:
        if name not in columns:
            raise BadInputError(
                f"--key {name}: both versions need a column of this name and of one type; they have {', '.join(columns)}."
            )
    if not columns:
        raise BadInputError("the versions have no column of one name and type, so no row of one is a row of the other.")
    if not keys:
        added, removed, same = _counted(_hashes(before, columns), _hashes(after, columns))
        return RowChange(added, removed, 0, same)
    rest = [name for name in columns if name not in keys]
    return _by_key(_keyed(before, keys, rest), _keyed(after, keys, rest))


def file_change(old: Path, new: Path) -> RowChange:
    """Compares the files of two listings, which are sorted by path: by path, and by the digest of what they hold."""
    added = removed = changed = same = 0
    with old.open("rb") as first, new.open("rb") as second:
        before, after = read_entries(first, read_header(first)), read_entries(second, read_header(second))
        left, right = next(before, None), next(after, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left.path < right.path):
                removed, left = removed + 1, next(before, None)
            elif left is None or right.path < left.path:
                added, right = added + 1, next(after, None)
            else:
                same, changed = same + (left.sha256 == right.sha256), changed + (left.sha256 != right.sha256)
                left, right = next(before, None), next(after, None)
    return RowChange(added, removed, changed, same)


def _rows(folder: Path) -> StoredRows:
    return open_parquet(*sorted(path for path in folder.glob("**/*.parquet") if "_delta_log" not in path.parts))


def _common(old: StoredRows, new: StoredRows) -> list[str]:
    theirs = dict(zip(new.schema.names, new.schema.types, strict=True))
    return [name for name, kind in zip(old.schema.names, old.schema.types, strict=True) if theirs.get(name) == kind]


def _hashes(rows: StoredRows, columns: Sequence[str]) -> np.ndarray:
    import numpy as np

    found = [row_hashes(batch, columns) for batch in rows.batches(columns)]
    return np.concatenate(found) if found else np.empty(0, dtype=np.uint64)


def _counted(old: np.ndarray, new: np.ndarray) -> tuple[int, int, int]:
    """How many more of each value the new array has, how many fewer, and how many are in both."""
    import numpy as np

    values, places = np.unique(np.concatenate([old, new]), return_inverse=True)
    before = np.bincount(places[: len(old)], minlength=len(values))
    after = np.bincount(places[len(old) :], minlength=len(values))
    net = after - before
    return int(net[net > 0].sum()), int(-net[net < 0].sum()), int(np.minimum(before, after).sum())


def _keyed(rows: StoredRows, keys: Sequence[str], rest: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The sorted keys of a table, each once, and for each key one hash of all its rows."""
    import numpy as np

    names, contents = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.uint64)]
    for batch in rows.batches([*keys, *rest]):
        names.append(row_hashes(batch, keys))
        contents.append(row_hashes(batch, rest))
    every, content = np.concatenate(names), np.concatenate(contents)
    order = np.argsort(every, kind="stable")
    found, starts = np.unique(every[order], return_index=True)
    # A sum, because rows of one key have no order.
    return found, np.add.reduceat(content[order], starts) if len(found) else content


def _by_key(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]) -> RowChange:
    import numpy as np

    both, before, after = np.intersect1d(old[0], new[0], assume_unique=True, return_indices=True)
    changed = int((old[1][before] != new[1][after]).sum())
    return RowChange(len(new[0]) - len(both), len(old[0]) - len(both), changed, len(both) - changed)
