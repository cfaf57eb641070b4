"""Reads files that a researcher's process can change at any moment, without ever following a link of theirs.

The shipper holds the credentials of the object store. A link to `/proc/self/environ`, put in place between a check and
an opening, would carry them out; so every name is opened relative to its folder, and nothing but regular files is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@contextmanager
def opened(root: Path, name: str) -> Iterator[BufferedReader | None]:
    """The regular file `name` below `root`, or None when it is anything else."""
    descriptor = _walk(root, name)
    if descriptor is None:
        yield None
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        yield None
        return
    with os.fdopen(descriptor, "rb") as stream:
        yield stream


def is_below(name: str) -> bool:
    """Whether a relative name stays in its folder, and is one that an object may have."""
    parts = name.split("/")
    return bool(name) and name.isprintable() and not any(part in ("", ".", "..") for part in parts)


def _walk(root: Path, name: str) -> int | None:
    if not is_below(name):
        return None
    *folders, last = name.split("/")
    with suppress(OSError):
        place = os.open(root, _FOLDER)
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER, dir_fd=place)
                os.close(place)
                place = inner
            return os.open(last, _FILE, dir_fd=place)
        finally:
            os.close(place)
    return None


def names(root: Path, folder: str) -> dict[str, tuple[int, int]]:
    """Size and time of change (ns) of every regular file below `root/folder`, by its name relative to it."""
    found: dict[str, tuple[int, int]] = {}
    with suppress(OSError):
        top = os.open(root / folder, _FOLDER)
        try:
            for place, _, files, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False):
                for name in files:
                    with suppress(OSError):
                        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            found[str(Path(place) / name)] = (status.st_size, status.st_mtime_ns)
        finally:
            os.close(top)
    return found
