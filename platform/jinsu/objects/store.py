"""What the platform asks of an object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Objects by key. Every verb may be repeated; a failed one raises TransientError and has changed nothing visible."""

    def put(self, path: Path, key: str) -> None:
        """Uploads a file; readers see all of it or nothing."""

    def get(self, key: str, path: Path) -> None:
        """Downloads to `path`, which appears only when whole and with the digest it was sent with.

        Raises NotFoundError.
        """

    def write(self, key: str, data: bytes) -> None:
        """Uploads a small object."""

    def read(self, key: str) -> bytes | None:
        """A small object, or None when there is none."""

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """All keys with that prefix that sort behind `after`, in order."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Names between `prefix` and the next slash."""

    def delete(self, prefix: str) -> None:
        """Deletes every object with that prefix."""
