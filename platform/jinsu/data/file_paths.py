"""Names of files in a dataset: which are taken, and why another is not. Pure.

A name is written on other machines than the one it comes from, so what could be another file there, or lie elsewhere, is
refused where it is put, and again where it is read.
"""

from __future__ import annotations

import re
import unicodedata

from jinsu.errors import BadInputError
from jinsu.spec.characters import harmful_in

LONGEST_PART, LONGEST = 255, 1024
"""Bytes of one part between slashes, and of a whole name, in UTF-8."""
_SHOWN = 120
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}){0,3}")
"""Names that are certainly taken; most are, and each is looked at."""


def normal(name: str) -> str:
    """The name in Unicode's composed form (NFC), in which a dataset keeps it."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def check_path(name: str) -> None:
    """Raises BadInputError for a name that no dataset takes."""
    if _PLAIN.fullmatch(name):
        return
    if reason := _reason(name):
        raise BadInputError(f"{_quoted(name)}: {reason}; rename the file and put the folder again.")


def folded(name: str) -> str:
    """The same for two names that a file system may take for one, such as `A.jpg` and `a.jpg`."""
    return name.lower() if name.isascii() else normal(normal(name).casefold())


class Names:
    """The names of one dataset, as they come. Raises BadInputError for the second of two that one place could not hold."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def add(self, name: str) -> None:
        """Takes one more name, or raises BadInputError."""
        check_path(name)
        key = folded(name)
        if (other := self._files.get(key)) is not None:
            how = "twice there" if other == name else f"the same name as {_quoted(other)} where capitals do not count"
            raise BadInputError(f"{_quoted(name)}: is {how}; rename one of the files.")
        if (below := self._folders.get(key)) is not None:
            raise BadInputError(f"{_quoted(name)}: is a file, and the folder of {_quoted(below)}; rename one of them.")
        parent = key
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if parent in self._files:
                file = _quoted(self._files[parent])
                raise BadInputError(f"{_quoted(name)}: lies below {file}, which is a file; rename one of them.")
            if parent in self._folders:
                break
            self._folders[parent] = name
        self._files[key] = name


def _reason(name: str) -> str:
    if not name:
        return "is empty"
    if character := harmful_in(name):
        return f"holds the character {character}, which names of files may not have"
    if "\n" in name or "\t" in name:
        return "holds a line break or a tab"
    if "\\" in name:
        return "holds a backslash, which separates folders on some systems"
    if name.startswith("/"):
        return "is absolute; names are below the folder that is put"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "has an empty part, '.' or '..' in it"
    if name != normal(name):
        return "is not in Unicode's composed form (NFC)"
    if len(name.encode()) > LONGEST or any(len(part.encode()) > LONGEST_PART for part in name.split("/")):
        return f"is longer than {LONGEST_PART} bytes between two slashes, or than {LONGEST} bytes"
    return ""


def _quoted(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")
