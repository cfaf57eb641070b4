"""The key of a row: a hash of some of its columns, by which the row is known again.

The hash is of the values as texts, so that a key survives another type of its column (1 and 1.0), and is keyed with a secret. The
usual values become texts in one go; what the library writes in another form than Python is written value by value.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MISSING = repr(str(None))
_PLAIN = r"^[ !#-&(-\[\]-~À-ÖØ-öø-ÿ가-힣ぁ-ゖァ-ヺ一-龥]*$"
"""Texts that Python writes between apostrophes as they are."""


def row_keys(rows: pa.RecordBatch, names: Sequence[str], salt: bytes) -> np.ndarray:
    """The key of each row: uint64. Without a salt it is that of version 0.1, in which 1 and 1.0 differ."""
    import numpy as np

    if not salt:
        columns = [rows.column(name).to_pylist() for name in names]
        written = [repr(row).encode() for row in zip(*columns, strict=True)]
    else:
        written = _written([rows.column(name) for name in names])
    digests = b"".join([hashlib.blake2b(row, digest_size=8, key=salt).digest() for row in written])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def texts(column: Any) -> list[str]:
    """The values of a column as text, the same for 1 and 1.0, and for a time in whatever unit."""
    import pyarrow as pa

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


def _written(columns: Sequence[Any]) -> list[bytes]:
    """Each row as Python writes the tuple of its texts, in UTF-8."""
    import pyarrow as pa

    parts = [_quoted(column) for column in columns]
    inner = _joined(*parts, between=", ") if len(parts) > 1 else parts[0]
    rows: list[bytes] = _joined("(", inner, ",)" if len(parts) == 1 else ")").cast(pa.large_binary()).to_pylist()
    return rows


def _joined(*parts: Any, between: str = "") -> Any:
    """The texts of each row in one; missing where one is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.large_string()
    return pc.binary_join_element_wise(
        *[pa.scalar(one, kind) if isinstance(one, str) else one for one in (*parts, between)]
    )


def _quoted(column: Any) -> Any:
    """Each value of a column as Python writes its text: an array of texts, none of them missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_integer(kind):
        return _between_apostrophes(column.cast(pa.large_string()))
    if pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return _numbers(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        plain = pc.fill_null(pc.match_substring_regex(column, _PLAIN), True)
        quoted = _between_apostrophes(column.cast(pa.large_string()))
        return quoted if pc.all(plain).as_py() is not False else _mended(quoted, plain, column)
    return pa.array([repr(text) for text in texts(column)], pa.large_string())


def _numbers(column: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore", over="ignore"):
        single = values.astype(np.float32).astype(np.float64)
        whole = (values == np.floor(values)) & (np.abs(values) < 2**62)
        broken = (single != np.floor(single)) & (np.abs(single) >= 1e-3) & (np.abs(single) < 1e5)
    missing = np.isnan(values)
    written = np.where(whole, values, 0).astype(np.int64)
    as_whole = _between_apostrophes(pa.array(written, mask=missing).cast(pa.large_string()))
    if not broken.any() and (whole | missing).all():
        return as_whole
    import pyarrow.compute as pc

    as_broken = _between_apostrophes(pa.array(np.where(broken, single, 0.5)).cast(pa.large_string()))
    quoted = pc.if_else(pa.array(broken & ~whole), as_broken, as_whole)
    plain = whole | missing | broken
    return quoted if plain.all() else _mended(quoted, pa.array(plain), column)


def _between_apostrophes(values: Any) -> Any:
    import pyarrow.compute as pc

    return pc.fill_null(_joined("'", values, "'"), _MISSING)


def _mended(quoted: Any, plain: Any, column: Any) -> Any:
    """`quoted` with the values that are not plain written one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    others = pc.invert(plain)
    own = pa.array([repr(text) for text in texts(column.filter(others))], pa.large_string())
    return pc.replace_with_mask(quoted, others, own)
