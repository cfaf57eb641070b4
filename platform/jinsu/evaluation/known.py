"""Which held-out rows stand among the rows that another model trained on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

import numpy as np


def fresh_rows(held: Mapping[str, np.ndarray], trained: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Of each held-out row, whether no training row has the same values in these columns. Columns that only one side has do not count."""
    shared = [name for name in names if name in held and name in trained]
    known = set(_digests([trained[name] for name in shared]))
    return np.fromiter((digest not in known for digest in _digests([held[name] for name in shared])), dtype=bool)


def _digests(columns: Sequence[np.ndarray]) -> Iterator[bytes]:
    for values in zip(*columns, strict=True):
        digest = blake2b(digest_size=16)
        for value in values:
            data = value.tobytes() if isinstance(value, np.ndarray) else repr(_plain(value)).encode("utf-8", "replace")
            digest.update(len(data).to_bytes(8, "little") + data)
        yield digest.digest()


def _plain(value: object) -> object:
    """A number as such, whatever the type of its column: 1 and 1.0 are one value."""
    if isinstance(value, np.generic):
        value = value.item()
    return float(value) if isinstance(value, int) and abs(value) < 1 << 53 else value
