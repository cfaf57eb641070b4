"""A download as a file: written beside its place, and renamed when it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

BLOCK_BYTES = 1 << 20
"""How many bytes of an object are in memory at a time."""


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """The path of a draft, which replaces the file `path` at the end. After an exception the draft is gone and nothing changed."""
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_blocks(path: Path, blocks: Iterable[bytes]) -> str:
    """Writes the blocks to the file, in place of what it held; returns their sha256."""
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for block in blocks:
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()
