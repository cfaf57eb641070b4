"""The digest of a table: the same for the same schema and values, however the table is stored or cut into batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_VALUES_AT_ONCE = 65536


class TableDigest:
    """Takes the rows of a table batch by batch.

    Every array of values has a digest of its own, which its batches are added to in their order, so where a batch ends changes
    nothing.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns = [_Values(kind) for kind in schema.types]

    def add(self, batch: pa.RecordBatch) -> None:
        for values, column in zip(self._columns, batch.columns, strict=True):
            values.add(column)

    def hexdigest(self) -> str:
        """sha256 of the schema and the values, independent of file format, compression, batches and null bitmaps."""
        digest = hashlib.sha256()
        for name, kind, values in zip(self._schema.names, self._schema.types, self._columns, strict=True):
            digest.update(f"{name}\0{kind}\0{values.count}\0".encode())
            for part in values.parts():
                digest.update(part)
        return digest.hexdigest()


def table_digest(table: pa.Table) -> str:
    """The digest of a table in memory."""
    return digest_of(table.schema, table.to_batches())


def digest_of(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> str:
    """The digest of a table that comes in batches."""
    digest = TableDigest(schema)
    for batch in batches:
        digest.add(batch)
    return digest.hexdigest()


class _Values:
    """The values of one type: the places of missing ones, then those that are there; nested values as lengths and content."""

    def __init__(self, kind: pa.DataType) -> None:
        import pyarrow as pa

        self.count = 0
        self._missing, self._lengths, self._content = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._inner: list[_Values] = []
        if pa.types.is_struct(kind):
            self._inner = [_Values(field.type) for field in kind]
        elif _is_list(kind):
            self._inner = [_Values(kind.value_type)]

    def add(self, array: Any) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if array.null_count:
            places = np.flatnonzero(~array.is_valid().to_numpy(zero_copy_only=False)).astype(np.int64) + self.count
            self._missing.update(places.tobytes())
        self.count += len(array)
        values, kind = array.drop_null(), array.type
        if pa.types.is_struct(kind):
            for inner, member in zip(self._inner, values.flatten(), strict=True):
                inner.add(member)
        elif _is_list(kind):
            self._lengths.update(pc.list_value_length(values).cast(pa.int64()).to_numpy().tobytes())
            self._inner[0].add(values.flatten())
        elif _has_bytes(kind):
            self._add_bytes(values)
        elif pa.types.is_boolean(kind) or pa.types.is_primitive(kind):
            self._content.update(np.ascontiguousarray(values.to_numpy(zero_copy_only=False)).tobytes())
        else:
            self._content.update("".join(f"{value!r}\n" for value in values.to_pylist()).encode())

    def _add_bytes(self, values: Any) -> None:
        """Adds the lengths of texts or byte strings, and their bytes."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self._lengths.update(pc.binary_length(values).cast(pa.int64()).to_numpy().tobytes())
        for start in range(0, len(values), _VALUES_AT_ONCE):
            self._content.update(_joined(values.slice(start, _VALUES_AT_ONCE).cast(pa.large_binary())))

    def parts(self) -> Iterator[bytes]:
        """The digests of what was added, from outside in."""
        for digest in (self._missing, self._lengths, self._content):
            yield digest.digest()
        for inner in self._inner:
            yield inner.count.to_bytes(8, "little")
            yield from inner.parts()


def _joined(values: Any) -> memoryview:
    """The bytes of all values in a row, none of which is missing: they lie so in memory."""
    import numpy as np

    _, ends, content = values.buffers()
    places = np.frombuffer(ends, np.int64)[values.offset : values.offset + len(values) + 1]
    return memoryview(content or b"")[int(places[0]) : int(places[-1])]


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _has_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(texts or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
