"""Takes a backup of a running installation.

The databases come first, then the objects: objects never change, and one that a record names was there before the record. The
index comes last. Until then the target holds the backup before, whole.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from jinsu import __version__
from jinsu.backup.databases import databases, dump
from jinsu.backup.index import NAME, File, Index
from jinsu.errors import NotFoundError
from jinsu.files import file_digest
from jinsu.home import FIRST_PASSWORD
from jinsu.installation import Installation
from jinsu.objects.store import Store

Say = Callable[[str], None]

SETTINGS = "settings.json"
ARTIFACTS = "mlflow/artifacts"
_MLFLOW_PEOPLE = "mlflow/auth.db"
_OF_THE_HOME = ("catalog.json", FIRST_PASSWORD, "tokens")
_SKIPPED = frozenset({"in", "tmp", "checkpoints"})
"""Folders of a step that only its process needs."""
_PASSING = (".probe/",)
"""What a store holds for a moment."""


class Backup:
    """One backup of an installation, in a store."""

    def __init__(self, installation: Installation, target: Store) -> None:
        self._installation, self._target = installation, target
        self._home = Path(installation.settings.home)
        self._kept = {key for key in target.keys("data/") if not _is_draft(key)}
        self._files: dict[str, File] = {}

    def take(self, say: Say) -> Index:
        """Takes the backup; returns its index. Raises TransientError when a server or the target does not answer."""
        settings, at = self._installation.settings, time.time()
        with tempfile.TemporaryDirectory(prefix="jinsu-backup-") as place:
            folder = Path(place)
            for name, url in databases(settings).items():
                say(f"database {name}")
                dump(name, url, folder / name)
                self._keep(f"databases/{name}.dump", folder / name)
            say("settings and accounts")
            (folder / SETTINGS).write_text(json.dumps(asdict(settings)), encoding="utf-8")
            self._keep(SETTINGS, folder / SETTINGS)
            self._keep_home(folder)
            say("objects")
            self._keep_objects(folder)
        index = Index(__version__, round(at, 3), str(settings.where), dict(sorted(self._files.items())))
        self._target.write(NAME, index.to_json())
        named = {file.place for file in self._files.values()}
        for key in self._kept - named:  # of the backup before
            self._target.delete(key)
        return index

    def _keep(self, name: str, path: Path) -> None:
        file = File(file_digest(path), path.stat().st_size)
        if file.place not in self._kept:
            self._target.put(path, file.place)
            self._kept.add(file.place)
        self._files[name] = file

    def _keep_home(self, folder: Path) -> None:
        """What lies in the home of one machine beside the objects. In a cluster there is none of it."""
        for name in (*_OF_THE_HOME, ARTIFACTS):
            for path in _files(self._home / name):
                self._keep(f"home/{path.relative_to(self._home).as_posix()}", path)
        if (self._home / _MLFLOW_PEOPLE).is_file():
            copy = folder / "people.db"
            with (
                closing(sqlite3.connect(self._home / _MLFLOW_PEOPLE)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            self._keep(f"home/{_MLFLOW_PEOPLE}", copy)

    def _keep_objects(self, folder: Path) -> None:
        objects = self._installation.objects
        if objects.store is None:
            for path in self._local_objects(objects.root):
                try:
                    self._keep(f"objects/{path.relative_to(objects.root).as_posix()}", path)
                except FileNotFoundError:
                    continue  # retention removed it: nothing in the databases needs it
            return
        for key in objects.store.keys(""):
            if key.startswith(_PASSING):
                continue
            try:
                objects.store.get(key, folder / "object")
            except NotFoundError:
                continue
            self._keep(f"objects/{key}", folder / "object")

    def _local_objects(self, root: Path) -> Iterator[Path]:
        """Files of all objects that are whole. A step that still runs is left out: a restored installation does it again."""
        for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != "."):
            if folder.name != "steps":
                yield from _files(folder)
                continue
            for step in sorted(path for path in folder.iterdir() if path.is_dir()):
                if self._installation.steps.result(step.name) is not None:
                    yield from (path for path in _files(step) if path.relative_to(step).parts[0] not in _SKIPPED)


def _files(path: Path) -> Iterator[Path]:
    """The regular files of a folder, without drafts and locks; the file itself when `path` is one."""
    if path.is_file() and not path.is_symlink():
        yield path
    elif path.is_dir():
        for item in sorted(path.rglob("*")):
            hidden = any(part[0] == "." for part in item.relative_to(path).parts[:-1]) or _is_draft(item.name)
            if item.is_file() and not item.is_symlink() and not hidden and item.suffix != ".lock":
                yield item


def _is_draft(key: str) -> bool:
    return key.rpartition("/")[2].startswith(".")
