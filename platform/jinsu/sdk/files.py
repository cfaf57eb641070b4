"""The files of a dataset as a training script reads them: their bytes, by path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from jinsu.sdk.file_listing import LISTING_FILE, Part, read_entries, read_header

PACKS_FOLDER = "packs"


class Files(Mapping[str, bytes]):
    """Bytes of files by path, read when they are asked for, and not kept.

    It takes no memory but that of the paths, may be read by many threads at once, and goes to the workers of a data loader as
    any other object. Decoding is the script's: `PIL.Image.open(io.BytesIO(files[path]))`.
    """

    def __init__(self, folder: Path) -> None:
        """folder: holds a listing, and packs beside it."""
        self._folder = folder
        self._parts: dict[str, tuple[Part, ...]] = {}
        self._opened: dict[str, int] = {}
        with (folder / LISTING_FILE).open("rb") as stream:
            for entry in read_entries(stream, read_header(stream)):
                self._parts[entry.path] = entry.parts

    def __getitem__(self, path: str) -> bytes:
        parts = self._parts[path]
        if len(parts) == 1:
            (part,) = parts
            data = os.pread(self._pack(part.pack), part.length, part.offset)
        else:
            data = b"".join(os.pread(self._pack(part.pack), part.length, part.offset) for part in parts)
        if len(data) != sum(part.length for part in parts):
            raise OSError(f"{path}: its pack was cut short; run the step again.")
        return data

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, path: object) -> bool:
        return path in self._parts

    def __getstate__(self) -> dict[str, object]:
        """Another process opens the packs itself."""
        return {**self.__dict__, "_opened": {}}

    def __del__(self) -> None:
        for descriptor in self.__dict__.get("_opened", {}).values():
            os.close(descriptor)

    def _pack(self, digest: str) -> int:
        descriptor = self._opened.get(digest)
        if descriptor is None:
            opened = os.open(self._folder / PACKS_FOLDER / digest, os.O_RDONLY | os.O_CLOEXEC)
            descriptor = self._opened.setdefault(digest, opened)
            if descriptor != opened:  # another thread was first
                os.close(opened)
        return descriptor


class FolderFiles(Mapping[str, bytes]):
    """The same for a folder of plain files, as a script alone reads it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = {path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()}

    def __getitem__(self, path: str) -> bytes:
        if path not in self._paths:
            raise KeyError(path)
        return (self._folder / path).read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._paths))

    def __len__(self) -> int:
        return len(self._paths)
