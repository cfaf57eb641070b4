"""Files of JSON lines batch by batch. A column has one type, that of all its values, wherever in the file they stand."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_LINE = 16 * 2**20
"""Bytes that are parsed together; a line cannot be longer."""


def json_schema(source: Path) -> pa.Schema:
    """The names and types of the columns. Raises ValueError and pyarrow's exceptions for what holds no lines of JSON objects."""
    schema = None
    for piece in _pieces(source):
        found = _read(piece, None).schema
        schema = found if schema is None else _both(schema, found)
    if schema is None:
        raise ValueError("Empty JSON file")
    return schema


def json_batches(source: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows, whose schema `json_schema` found."""
    for piece in _pieces(source):
        yield from _read(piece, schema).to_batches()


def _read(piece: bytes, schema: pa.Schema | None) -> pa.Table:
    from pyarrow import json

    how = json.ParseOptions(explicit_schema=schema)
    return json.read_json(io.BytesIO(piece), json.ReadOptions(block_size=LONGEST_LINE), how)


def _pieces(source: Path) -> Iterator[bytes]:
    """The whole lines of a file, as many together as fit into LONGEST_LINE bytes; lines that hold nothing are left out.

    A line that is no object raises ValueError: one that is `null` would end the process in the library's own code.
    """
    piece, number = bytearray(), 0
    with source.open("rb") as stream:
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise ValueError("straddling object straddles two block boundaries")
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not text.strip():
                continue
            if not text.lstrip().startswith(b"{"):
                raise ValueError(f"line {number} is no JSON object")
            if len(piece) + len(text) > LONGEST_LINE:
                yield bytes(piece)
                piece.clear()
            piece += text
    if piece:
        yield bytes(piece)


def _both(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """The schema of rows of both kinds. Raises pyarrow's exceptions for a column that holds a number here and a text there."""
    import pyarrow as pa

    # Texts that look like times are times until one does not.
    texts = {field.name for schema in (one, other) for field in schema if field.type == pa.string()}
    schemas = [
        pa.schema([_as_text(field) if field.name in texts else field for field in each]) for each in (one, other)
    ]
    return pa.unify_schemas(schemas, promote_options="permissive")


def _as_text(field: pa.Field) -> pa.Field:
    import pyarrow as pa

    return field.with_type(pa.string()) if pa.types.is_timestamp(field.type) else field
