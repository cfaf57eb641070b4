"""A hash of a row, to compare rows of one table, or of two tables of the same types, with each other.

Two rows that differ have equal hashes once in 10^19 pairs. Whoever knows the values can compute the hash: what a person must not
compute is a key (`jinsu.data.keys`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MISSING = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Multipliers of the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""


def row_hashes(batch: pa.RecordBatch, columns: Sequence[str]) -> np.ndarray:
    """One hash a row over these columns: uint64. Missing values are equal to each other and to nothing else."""
    import numpy as np

    found = np.full(batch.num_rows, len(columns), dtype=np.uint64)
    for name in columns:
        array = batch.column(name)
        values = _value_hashes(array)
        values[~array.is_valid().to_numpy(zero_copy_only=False)] = _MISSING
        found = _mixed(found * np.uint64(_FIRST) + values)
    return found


def _value_hashes(array: pa.Array) -> np.ndarray:
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as is_

    kind = array.type
    if is_.is_dictionary(kind):
        return _value_hashes(array.dictionary_decode())
    if is_.is_floating(kind):
        numbers = array.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0  # -0.0 is 0.0
        numbers[np.isnan(numbers)] = np.nan
        return _mixed(numbers.view(np.uint64))
    if is_.is_boolean(kind) or is_.is_signed_integer(kind):
        return _mixed(array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64))
    if is_.is_unsigned_integer(kind):
        return _mixed(array.cast(pa.uint64()).fill_null(0).to_numpy(zero_copy_only=False).copy())
    if is_.is_temporal(kind) and kind.bit_width in (32, 64) and not is_.is_interval(kind):
        whole = array.view(pa.int64() if kind.bit_width == 64 else pa.int32()).cast(pa.int64())
        return _mixed(whole.fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64))
    return np.fromiter((_digest(value) for value in array.to_pylist()), dtype=np.uint64, count=len(array))


def _digest(value: Any) -> int:
    data = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else repr(value).encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _mixed(values: np.ndarray) -> np.ndarray:
    """Each number spread over all 64 bits."""
    import numpy as np

    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(_FIRST)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(_SECOND)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
