"""A JSON object that has one key twice means different things to different programs, so it is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from jinsu.serving.signature import Refused


def refuse_repeated_keys(body: bytes, keys: Iterable[bytes]) -> None:
    """Raises Refused(400) when an object in a valid JSON document has a key twice.

    keys: in quotation marks; documents in which each occurs at most once, which is nearly all, are not parsed again.
    """
    if body.count(b'"') > 3 and any(body.count(key) > 1 for key in keys):
        json.loads(body, object_pairs_hook=_pairs)


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise Refused(400, f"the key {repeated[:40]!r} occurs twice in one object")
