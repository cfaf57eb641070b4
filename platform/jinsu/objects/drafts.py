"""Drafts: folders in which objects are written before a rename makes them visible.

Each draft has a lock that its process holds. A draft whose lock is free was left by a process that was killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from jinsu.objects.locks import take_alone

_LOCK = ".lock"
_SWEEP_SECONDS = 600.0
_FORMER_SECONDS = 86400.0
_FORMER = (".draft-*", "*/.draft-*", "*/*/.draft-*")
"""Drafts of earlier versions, which had no locks."""


class Drafts:
    """The drafts below the folder `root`, which is on the same disk as the objects."""

    def __init__(self, objects: Path) -> None:
        self._objects, self.root = objects, objects / ".drafts"
        self._swept = -_SWEEP_SECONDS

    @contextmanager
    def new(self) -> Iterator[Path]:
        """An empty folder, which is removed at the end unless it was renamed. Now and then removes those of dead processes."""
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self._swept = time.monotonic()
            self.sweep()
        self.root.mkdir(parents=True, exist_ok=True)
        draft = self.root / uuid4().hex
        lock = draft.with_suffix(_LOCK)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            draft.mkdir()
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            lock.unlink(missing_ok=True)
            os.close(descriptor)

    def sweep(self) -> None:
        """Removes the drafts of processes that have ended."""
        for lock in self.root.glob(f"*{_LOCK}"):
            descriptor = take_alone(lock)
            if descriptor is None:
                continue
            try:
                # Only a new draft has no folder, and its process is about to lock it.
                if lock.with_suffix("").exists() or _age(lock) > _SWEEP_SECONDS:
                    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                    lock.unlink(missing_ok=True)
            finally:
                os.close(descriptor)
        for draft in (path for pattern in _FORMER for path in self._objects.glob(pattern)):
            if _age(draft) > _FORMER_SECONDS:
                shutil.rmtree(draft, ignore_errors=True)


def _age(path: Path) -> float:
    """In seconds; 0 for what is gone."""
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
