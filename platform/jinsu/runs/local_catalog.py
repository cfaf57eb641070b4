"""The catalog of one machine: a file beside the installation's other files."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

from jinsu.codec import encode
from jinsu.files import write_atomic
from jinsu.runs.catalog import Catalog, Change, Known, known_from


class LocalCatalog(Catalog):
    """Changes are made under a lock on a second file, since the first one is replaced each time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Known:
        try:
            return known_from(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Known()

    def create(self) -> None:
        """Has the file there, empty at first."""
        self._change(lambda known: known)

    def _change(self, change: Change) -> None:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_atomic(self._path, json.dumps(encode(change(self.read())), indent=1))
