"""Locks between the processes of one machine: on work at one object, and on objects that are in use.

A lock ends with the process that holds it, however the process ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Waits until no other process or thread works at the object `name`. Names share 256 locks, so that few files lie there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / hashlib.sha256(name.encode()).hexdigest()[:2]).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def take_shared(path: Path) -> int:
    """Opens the file `path`, made if it is missing, and shares its lock; returns the descriptor that holds the lock."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # the file was removed by its last owner, between opening and locking


def take_alone(path: Path) -> int | None:
    """The descriptor of a file whose lock no other process holds; None when one does, or when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # another process removed the file meanwhile; a new one may be in use
        os.close(descriptor)
        return None
    return descriptor
