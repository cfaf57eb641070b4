"""A copy of a dataset version on this machine: each file is whole and verified, or not there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jinsu.data.file_paths import check_path
from jinsu.errors import BadInputError, TransientError

Write = Callable[[bytes], None]


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
