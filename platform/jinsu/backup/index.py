"""The index of a backup: its files by name, each with the digest under which its content is kept. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from jinsu.errors import BadInputError

NAME = "backup.json"
FORMAT = 1


@dataclass(frozen=True)
class File:
    """sha256: of the content, 64 hexadecimal digits. size: in bytes."""

    sha256: str
    size: int

    @property
    def place(self) -> str:
        """Where the content is kept in the backup."""
        return f"data/{self.sha256[:2]}/{self.sha256}"


@dataclass(frozen=True)
class Index:
    """jinsu: the version that made the backup. at: when it began, in seconds since the epoch. where: the kind of place."""

    jinsu: str
    at: float
    where: str
    files: Mapping[str, File]

    def to_json(self) -> bytes:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()

    @staticmethod
    def from_json(text: bytes) -> Index:
        """Raises BadInputError for a text that is no index, or one of a later format."""
        try:
            document = json.loads(text)
            if document.pop("format") != FORMAT:
                raise BadInputError(f"{NAME}: a later version of Jinsu made this backup; restore it with that version.")
            files = {name: File(**found) for name, found in document.pop("files").items()}
            index = Index(**document, files=files)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise BadInputError(f"{NAME}: is not the index of a backup: {problem}.") from None
        for name, file in files.items():
            if name.startswith("/") or ".." in name.split("/") or len(file.sha256) != 64 or not file.sha256.isalnum():
                raise BadInputError(f"{NAME}: {name!r} cannot be a file of a backup.")
        return index

    def part(self, folder: str) -> dict[str, File]:
        """The files below `folder`, by their names within it."""
        return {
            name.removeprefix(f"{folder}/"): file for name, file in self.files.items() if name.startswith(f"{folder}/")
        }
