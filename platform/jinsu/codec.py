"""Dataclasses become JSON documents here, and documents become dataclasses again.

The room knows how records lie in the database, in files and on the wire, and it refuses a document of another shape.
What a record means is left to the room that defines it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter

_Value = TypeVar("_Value")
_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def encode(value: object) -> dict[str, Any]:
    """A dataclass as a document of JSON's types; enum members become their values."""
    document: dict[str, Any] = _adapter(type(value)).dump_python(value, mode="json")
    return document


def decode(kind: type[_Value], document: object) -> _Value:
    """The dataclass that a document describes. Raises ValueError when a field is missing or of another type."""
    value: _Value = _adapter(kind).validate_python(document)
    return value


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Building one takes milliseconds, so each is kept."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
