"""The chain of the ledger: each entry's hash covers the entry and the hash of the entry before it. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping

START = "0" * 64
"""What stands for the entry before the first one."""
COVERED = ("at", "model", "event", "version", "previous", "actor", "submission", "evidence", "detail", "identity")
"""The columns of an entry that its hash covers, in this order."""


def link(previous: str, entry: Mapping[str, object]) -> str:
    """The hash of an entry: sha256 of the former entry's hash and the covered columns as compact JSON, 64 hex digits."""
    covered = json.dumps(
        [previous, *(_plain(entry[name]) for name in COVERED)], separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(covered.encode()).hexdigest()


def _plain(value: object) -> object:
    """Text and numbers as every database gives them back: microseconds are the finest time that is covered."""
    if isinstance(value, float) and math.isfinite(value * 1e6):
        return round(value * 1e6)
    return None if value is None else str(value)
