"""A copy of a dataset version on this machine: each file is whole and verified, or not there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jinsu.data.file_paths import Names, check_path
from jinsu.errors import BadInputError, TransientError
from jinsu.sdk.file_listing import LISTING_FILE, Entry, Part, read_entries, read_header

Write = Callable[[bytes], None]
Fetch = Callable[[str, Write], None]
"""Brings a file of a version by its name, and hands its content on as it comes."""


@dataclass(frozen=True)
class Copy:
    """A folder that is new or empty, so that no file or link that lies there leads anything elsewhere."""

    folder: Path

    def __post_init__(self) -> None:
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise BadInputError(f"{self.folder}: is no folder; name a new one.")
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise BadInputError(f"{self.folder}: holds files already; name a new or an empty folder.")
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def file(self, name: str, sha256: str) -> Iterator[Write]:
        """Takes the content of a file; the file appears at the end of the block.

        Raises BadInputError for a name that leads out of the folder, TransientError for a content of another digest.
        """
        check_path(name)
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        draft, digest = target.with_name(f".jinsu-{hashlib.sha256(name.encode()).hexdigest()[:16]}"), hashlib.sha256()
        try:
            with draft.open("xb") as stream:

                def write(data: bytes) -> None:
                    digest.update(data)
                    stream.write(data)

                yield write
            if digest.hexdigest() != sha256:
                raise TransientError(f"{name}: arrived damaged; empty the folder and try again.")
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)


def copy_packed(copy: Copy, files: Mapping[str, str], fetch: Fetch, say: Callable[[str], None]) -> int:
    """Copies a set of files out of its packs, one pack on the disk at a time; returns how many files there are.

    files: sha256 by name, as the API lists them. Raises TransientError for what arrives damaged.
    """
    with tempfile.TemporaryDirectory(prefix=".jinsu-", dir=copy.folder) as scratch:
        kept = Copy(Path(scratch) / "parts")
        with kept.file(LISTING_FILE, files[LISTING_FILE]) as write:
            fetch(LISTING_FILE, write)
        with (kept.folder / LISTING_FILE).open("rb") as stream:
            header = read_header(stream)
            entries = list(read_entries(stream, header))
        names = Names()
        for entry in entries:
            names.add(entry.path)
        # A pack after the other, and a file as soon as its last part is there; parts of large files stand in order.
        first: dict[str, list[Entry]] = {}
        for entry in entries:
            first.setdefault(entry.parts[0].pack if entry.parts else "", []).append(entry)
        held = _Held(kept, fetch)
        done = 0
        for pack, some in first.items():
            for entry in sorted(some, key=lambda entry: entry.parts[0].offset if entry.parts else 0):
                with copy.file(entry.path, entry.sha256) as write:
                    for part in entry.parts:
                        held.copy(part, write)
            done += len(some)
            say(f"{done} of {len(entries)} files; pack {pack[:12]}")
        held.drop()
    return len(entries)


@dataclass
class _Held:
    """The pack that is on the disk now."""

    folder: Copy
    fetch: Fetch
    pack: str = ""
    _file: int = -1

    def copy(self, part: Part, write: Write) -> None:
        if part.pack != self.pack:
            self.drop()
            with self.folder.file(part.pack, part.pack) as keep:
                self.fetch(f"packs/{part.pack}", keep)
            self.pack, self._file = part.pack, os.open(self.folder.folder / part.pack, os.O_RDONLY)
        write(os.pread(self._file, part.length, part.offset))

    def drop(self) -> None:
        if self.pack:
            os.close(self._file)
            (self.folder.folder / self.pack).unlink()
            self.pack = ""
