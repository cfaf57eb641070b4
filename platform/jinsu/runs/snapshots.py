"""Code snapshots: a folder as one archive whose name is its content's digest."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

from jinsu.errors import BadInputError
from jinsu.objects.mirror import Mirror
from jinsu.runs.archives import MAX_FILES, inspect
from jinsu.settings import MAX_CODE_BYTES
from jinsu.spec.quantities import format_bytes

IGNORED = frozenset(
    {".git", ".venv", "venv", "__pycache__", ".mypy_cache", ".pytest_cache", "jinsu-out", "node_modules"}
)
"""Folders that no snapshot holds."""


def pack(folder: Path, limit: int = MAX_CODE_BYTES) -> tuple[bytes, str]:
    """The folder as `tar.gz` bytes and their digest. The same files give the same bytes, whenever and wherever.

    Raises BadInputError for a folder over `limit` bytes, and for a link that leads out of it.
    """
    files = _files(folder)
    sizes = {path: path.stat().st_size for path in files}
    if sum(sizes.values()) > limit:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:3]
        named = ", ".join(f"{path.relative_to(folder)} ({format_bytes(sizes[path])})" for path in largest)
        raise BadInputError(
            f"{folder}: {format_bytes(sum(sizes.values()))} of code, the limit is {format_bytes(limit)}; largest: "
            f"{named}. Put data into a dataset: jinsu data put NAME PATH"
        )
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as bundle,
    ):
        for path in files:
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            content = path.read_bytes()
            member.size = len(content)
            member.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            bundle.addfile(member, io.BytesIO(content))
    data = buffer.getvalue()
    return data, hashlib.sha256(data).hexdigest()


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BadInputError(f"{folder}: is not a folder; give the folder that holds model.yaml.")
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        for name in sorted([*names, *(item for item in folders if (Path(place) / item).is_symlink())]):
            path = Path(place) / name
            if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
                raise BadInputError(f"{path}: links to {path.resolve()}, outside the folder; copy the file in.")
            if path.is_symlink() and path.is_dir():
                raise BadInputError(f"{path}: links to a folder; copy the folder instead.")
            if path.is_file() and not name.endswith(".pyc"):
                found.append(path)
        if len(found) > MAX_FILES:
            raise BadInputError(
                f"{folder}: more than {MAX_FILES} files; put data into a dataset: jinsu data put NAME PATH"
            )
    return sorted(found)


def read_member(data: bytes, name: str) -> str | None:
    """The text of one file of a snapshot, or None when it is not there."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as bundle:
        try:
            member = bundle.extractfile(name)
        except KeyError:
            return None
        return None if member is None else member.read(1 << 20).decode("utf-8", errors="replace")


def contents(data: bytes) -> dict[str, bytes]:
    """Every file of a snapshot that was inspected before, by its path."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as bundle:
        opened = ((member.name, bundle.extractfile(member)) for member in bundle if member.isfile())
        return {name: stream.read() for name, stream in opened if stream is not None}


class SnapshotStore:
    """Archives by digest."""

    def __init__(self, objects: Mirror) -> None:
        self._objects = objects

    def put(self, data: bytes, limit: int) -> str:
        """Keeps a checked archive; returns its digest. The same archive again changes nothing."""
        inspect(data, limit)
        digest = hashlib.sha256(data).hexdigest()
        self._objects.keep_file(self.name(digest), data)
        return digest

    def get(self, digest: str) -> bytes:
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            raise BadInputError(f"code snapshot {digest[:12]} is not here; submit again.") from None

    def path(self, digest: str) -> Path:
        return self._objects.file(self.name(digest))

    def name(self, digest: str) -> str:
        """The archive's name among the objects."""
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise BadInputError(f"{digest!r} is not a sha256 digest.")
        return f"code/{digest}.tar.gz"
