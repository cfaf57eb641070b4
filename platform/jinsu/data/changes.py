"""What changed between two versions of a dataset, as counts, and how two schemas differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SchemaChange:
    """Columns that one version alone has, and columns whose type differs (old type, new type), by name."""

    added: Mapping[str, str]
    removed: Mapping[str, str]
    retyped: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class RowChange:
    """Numbers of rows, or of keys where rows have one. changed: always 0 without a key."""

    added: int
    removed: int
    changed: int
    same: int


def schema_change(old: Mapping[str, str], new: Mapping[str, str]) -> SchemaChange:
    """What differs between two schemas, given as the type of each column by name. Pure."""
    return SchemaChange(
        {name: kind for name, kind in new.items() if name not in old},
        {name: kind for name, kind in old.items() if name not in new},
        {name: (old[name], new[name]) for name in old if name in new and old[name] != new[name]},
    )
