"""Files are written whole or not at all, or for their owner alone.

The room knows atomic renames, private modes, and the digest of a file's content. Which files there are is left to the
rooms above.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


def write_private(path: Path, text: str) -> None:
    """Writes a UTF-8 file that only its owner may read, from its first byte on; a missing folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


def write_atomic(path: Path, text: str) -> None:
    """Writes all of the text or nothing, also after a power cut: a temporary file is synced, then renamed."""
    write_atomic_bytes(path, text.encode())


def write_atomic_bytes(path: Path, data: bytes) -> None:
    """As `write_atomic`; a missing folder is made."""
    with _draft(path, data) as draft:
        draft.replace(path)


def write_once(path: Path, data: bytes) -> None:
    """As `write_atomic_bytes`, unless there is such a file already: of several that write at once the first one stays."""
    with _draft(path, data) as draft, suppress(FileExistsError):
        path.hardlink_to(draft)


@contextmanager
def _draft(path: Path, data: bytes) -> Iterator[Path]:
    """A synced file with this content beside `path`; it is gone after the block unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with draft.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """sha256 of the file's content, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
