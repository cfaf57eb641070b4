"""The contract of an object store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


class Store(Protocol):
    """Objects by key.

    Every method may be repeated. A method that fails raises TransientError, and readers see what they saw before.
    """

    def put(self, path: Path, key: str) -> None:
        """Uploads a file; readers see the whole object or none."""

    def get(self, key: str, path: Path) -> None:
        """Downloads to `path`; the file appears when its content is whole and has the digest of the upload.

        Raises NotFoundError when there is no such object.
        """

    def write(self, key: str, data: bytes) -> None:
        """Uploads a small object."""

    def read(self, key: str) -> bytes | None:
        """Content of a small object, or None when there is no such object."""

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """All keys with that prefix that sort behind `after`, in order."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Names between `prefix` and the next slash."""

    def delete(self, prefix: str) -> None:
        """Deletes every object with that prefix."""


@dataclass(frozen=True)
class Stored:
    """An object as a listing shows it. size: in bytes. modified: when it was uploaded, in seconds since the epoch."""

    key: str
    size: int
    modified: float


@runtime_checkable
class PlatformStore(Store, Protocol):
    """What the platform's own processes may do besides. No step has these rights."""

    def create(self, key: str, data: bytes) -> bool:
        """Uploads a small object unless there is one with this key; says whether the object is this caller's.

        Of several callers whose data differ, one alone gets True.
        """

    def stored(self, prefix: str) -> Iterator[Stored]:
        """Every object with that prefix, in the order of the keys."""
