"""Dataclasses become JSON documents here, and documents become dataclasses again.

The room knows how records lie in the database, in files and on the wire, and it refuses a document of another shape.
What a record means is left to the room that defines it.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

from pydantic import TypeAdapter

_Value = TypeVar("_Value")
_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def encode(value: object) -> dict[str, Any]:
    """A dataclass as a document of JSON's types; enum members become their values.

    JSON has no NaN and no infinity: their names stand for them ("NaN", "Infinity", "-Infinity"), and `decode` reads those.
    """
    document: dict[str, Any] = named_numbers(_adapter(type(value)).dump_python(value, mode="json"))
    return document


def decode(kind: type[_Value], document: object) -> _Value:
    """The dataclass that a document describes. Raises ValueError when a field is missing or of another type."""
    value: _Value = _adapter(kind).validate_python(document)
    return value


def named_numbers(value: Any) -> Any:
    """The same document with a name in place of each number that JSON does not have."""
    if isinstance(value, dict):
        return {name: named_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [named_numbers(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """The adapter of a dataclass. Building an adapter takes milliseconds, so each is kept for the process's life."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
