"""The digest of a table: the same for the same schema and values, however the table is stored."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_VALUES_AT_ONCE = 65536


def table_digest(table: pa.Table) -> str:
    """sha256 of the schema and the values, independent of file format, compression, chunking and null bitmaps."""
    digest = hashlib.sha256()
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        digest.update(f"{name}\0{column.type}\0{len(column)}\0".encode())
        _add_array(digest, column)
    return digest.hexdigest()


def _add_array(digest: hashlib._Hash, array: Any) -> None:
    """Adds which values are missing, then the values that are present; nested values as their lengths and content."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    values, arrow_type = array.drop_null(), array.type
    if pa.types.is_dictionary(arrow_type):
        _add_array(digest, values.cast(arrow_type.value_type))
    elif pa.types.is_struct(arrow_type):
        for member in values.flatten():
            _add_array(digest, member)
    elif pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type):
        digest.update(pc.list_value_length(values).cast(pa.int64()).to_numpy().tobytes())
        _add_array(digest, values.flatten())
    elif pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type) or pa.types.is_binary(arrow_type):
        _add_bytes(digest, values)
    elif pa.types.is_boolean(arrow_type) or pa.types.is_primitive(arrow_type):
        digest.update(np.ascontiguousarray(values.to_numpy(zero_copy_only=False)).tobytes())
    else:
        digest.update(repr(values.to_pylist()).encode())


def _add_bytes(digest: hashlib._Hash, values: Any) -> None:
    """Adds the lengths of texts or byte strings, then their bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digest.update(pc.binary_length(values).cast(pa.int64()).to_numpy().tobytes())
    for start in range(0, len(values), _VALUES_AT_ONCE):
        part = values.slice(start, _VALUES_AT_ONCE).cast(pa.large_binary())
        digest.update(b"".join(scalar.as_buffer() for scalar in part))
