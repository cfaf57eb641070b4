"""A bound on the objects that a process finds here because it downloaded them from the store.

What was used least recently goes first. What a process uses stays: each process shares the lock of every object that it was
handed, until some minutes after it asked for the object last, or until its end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from uuid import uuid4

from jinsu.objects.locks import take_alone, take_shared

HELD_SECONDS = 900.0
_LOOK_SHARE = 20


@dataclass(frozen=True)
class Entry:
    """An object in the cache. size: bytes on disk. used: when a process asked for it last, in seconds since the epoch."""

    name: str
    size: int
    used: float


def to_evict(entries: Sequence[Entry], bound: int) -> list[Entry]:
    """Which entries should go, in this order, when all of them together may have `bound` bytes. Pure."""
    excess = sum(entry.size for entry in entries) - bound
    chosen = []
    for entry in sorted(entries, key=lambda entry: entry.used):
        if excess <= 0:
            break
        chosen.append(entry)
        excess -= entry.size
    return chosen


class Cache:
    """The objects below `objects` that came from the store. bound: in bytes, of all of them. held: seconds, as above."""

    def __init__(self, objects: Path, drafts: Path, bound: int, held: float = HELD_SECONDS) -> None:
        self._objects, self._drafts, self._bound, self._held = objects, drafts, bound, held
        self._uses = objects / ".uses"
        self._locks: dict[str, tuple[int, float]] = {}
        self._mutex = Lock()
        self._unseen = bound

    def hold(self, name: str) -> None:
        """Keeps the object `name` here for as long as this process uses it."""
        with self._mutex:
            self._let_go(time.monotonic() - self._held)
            kept = self._locks.pop(name, None)
            descriptor = kept[0] if kept else self._share(name)
            os.utime(descriptor)
            self._locks[name] = (descriptor, time.monotonic())

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Keeps the object `name` here, however long that takes."""
        descriptor = self._share(name)
        try:
            yield
        finally:
            os.close(descriptor)

    def grown(self, size: int) -> None:
        """Notes a download of `size` bytes; when many bytes have come, evicts what is over the bound."""
        with self._mutex:
            self._unseen += size
            if self._unseen < self._bound // _LOOK_SHARE:
                return
            self._unseen = 0
        for entry in to_evict(list(self.entries()), self._bound):
            self._evict(entry.name)

    def entries(self) -> Iterator[Entry]:
        """Everything in the cache."""
        for use in self._uses.glob("*"):
            with suppress(FileNotFoundError):
                name = use.read_text(encoding="utf-8")
                if name:
                    yield Entry(name, _size(self._objects / name), use.stat().st_mtime)

    def _share(self, name: str) -> int:
        self._uses.mkdir(parents=True, exist_ok=True)
        descriptor = take_shared(self._use(name))
        if os.fstat(descriptor).st_size == 0:
            os.pwrite(descriptor, name.encode(), 0)
        return descriptor

    def _let_go(self, before: float) -> None:
        """Gives up the locks of what was asked for last before that moment (of the monotonic clock); the oldest come first."""
        for name, (descriptor, at) in list(self._locks.items()):
            if at > before:
                return
            os.close(descriptor)
            del self._locks[name]

    def _evict(self, name: str) -> None:
        use = self._use(name)
        descriptor = take_alone(use)
        if descriptor is None:
            return  # a process uses it
        try:
            discard(self._objects / name, self._drafts)
            use.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def _use(self, name: str) -> Path:
        return self._uses / hashlib.sha256(name.encode()).hexdigest()[:32]


def discard(path: Path, drafts: Path) -> None:
    """Removes a file or a folder: for every reader at one moment, and no draft is left should this process be killed."""
    drafts.mkdir(parents=True, exist_ok=True)
    grave = drafts / uuid4().hex
    grave.with_suffix(".lock").touch()  # nobody holds it, so that the next sweep finishes what is left
    with suppress(FileNotFoundError, NotADirectoryError):
        path.rename(grave)
    if grave.is_dir():
        shutil.rmtree(grave, ignore_errors=True)
    else:
        grave.unlink(missing_ok=True)
    if not grave.exists():
        grave.with_suffix(".lock").unlink(missing_ok=True)


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; what is removed meanwhile counts nothing."""
    files = [path] if path.is_file() else path.rglob("*")
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total
