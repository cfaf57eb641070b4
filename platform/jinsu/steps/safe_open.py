"""Reads files that a researcher's process can change at any moment, without ever following a link.

The uploader holds the keys of the object store. A link to `/proc/self/environ`, put in place between a check and an
opening, would carry the keys out; so every name is opened relative to its folder, and only regular files are read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from jinsu.errors import StepFailedError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_SMALL_BYTES = 8 << 20


@dataclass(frozen=True)
class FileStamp:
    """Tells two states of a file apart: its size in bytes, and the time of its last change in nanoseconds."""

    size: int
    changed: int


@contextmanager
def open_regular(root: Path, name: str) -> Iterator[BufferedReader | None]:
    """The regular file `name` below `root`; None when there is anything else, or nothing."""
    descriptor = _open_below(root, name)
    if descriptor is None:
        yield None
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        yield None
        return
    with os.fdopen(descriptor, "rb") as stream:
        yield stream


def read_regular(root: Path, name: str, most: int = _SMALL_BYTES) -> bytes | None:
    """The first bytes (8 MiB unless `most` says otherwise) of a regular file below `root`; None when there is none."""
    with open_regular(root, name) as stream:
        return None if stream is None else stream.read(most)


def is_safe_name(name: str) -> bool:
    """Whether a relative name stays in its folder, and is one that an object may have."""
    parts = name.split("/")
    return bool(name) and name.isprintable() and not any(part in ("", ".", "..") for part in parts)


def file_stamps(root: Path, folder: str) -> dict[str, FileStamp]:
    """The stamp of every regular file below `root/folder`, by its name relative to that folder."""
    stamps: dict[str, FileStamp] = {}
    with suppress(OSError):
        top = os.open(root / folder, _FOLDER)
        try:
            for parent, _, names, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False):
                for name in names:
                    with suppress(OSError):
                        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            stamps[str(Path(parent) / name)] = FileStamp(status.st_size, status.st_mtime_ns)
        finally:
            os.close(top)
    return stamps


def regular_files(root: Path, folder: str) -> list[str]:
    """Names of all files below `root/folder`, relative to it and sorted.

    Raises StepFailedError when there is anything but regular files and folders, or what cannot be read.
    """
    names: list[str] = []
    try:
        top = os.open(root / folder, _FOLDER)
    except OSError:
        raise StepFailedError(
            f"{folder}: is a symbolic link or no folder; write into the folder that is there."
        ) from None
    try:
        for parent, folders, others, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False, onerror=_refuse):
            for name in (*folders, *others):
                path = str(Path(parent) / name)
                mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    raise StepFailedError(f"{folder}/{path}: is a symbolic link; write regular files only.")
                if stat.S_ISREG(mode):
                    names.append(path)
    finally:
        os.close(top)
    return sorted(names)


def _refuse(problem: OSError) -> None:
    raise StepFailedError(f"{problem.filename}: cannot be read: {problem.strerror}; make it readable.")


def _open_below(root: Path, name: str) -> int | None:
    """A descriptor of what the name means, opened folder by folder; None when a part is missing or a link."""
    if not is_safe_name(name):
        return None
    *folders, last = name.split("/")
    with suppress(OSError):
        parent = os.open(root, _FOLDER)
        try:
            for folder in folders:
                child = os.open(folder, _FOLDER, dir_fd=parent)
                os.close(parent)
                parent = child
            return os.open(last, _FILE, dir_fd=parent)
        finally:
            os.close(parent)
    return None
