"""The folder in which a process finds objects: all of them on one machine, a cache of the store in a cluster."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from jinsu.errors import JinsuError, NotFoundError
from jinsu.objects.store import Store

_PARALLEL = 8


class Mirror:
    """Below `root` every object is a file. With no store behind it, the folder itself is the truth.

    A folder object has a mark: the file that is written last and read first. Who sees the mark sees the whole.
    """

    def __init__(self, root: Path, store: Store | None = None) -> None:
        self.root, self.store = root, store

    def file(self, name: str) -> Path:
        """Path of an object that never changes, brought here when it is not yet. It may be missing."""
        path = self.root / name
        if self.store is not None and not path.exists():
            with suppress(NotFoundError):
                self.store.get(name, path)
        return path

    def read(self, name: str, fresh: bool = False) -> bytes | None:
        """A small object's content, or None; `fresh` for one that may change."""
        path = self.root / name
        if self.store is not None and (fresh or not path.exists()):
            return self.store.read(name)
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def folder(self, name: str, mark: str) -> Path:
        """Path of a folder object, brought here when its mark is not yet. It may be missing."""
        home = self.root / name
        if self.store is None or (home / mark).exists():
            return home
        keys = list(self.store.keys(f"{name}/"))
        if f"{name}/{mark}" not in keys:
            return home
        draft = home.with_name(f".draft-{uuid4().hex}")
        try:
            self._bring(keys, name, draft)
            if home.exists():
                shutil.rmtree(home)
            draft.replace(home)
        except OSError:
            if not (home / mark).exists():  # else another process brought it first
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return home

    def publish(self, name: str, mark: str = "") -> None:
        """Sends a file, or a folder with its mark last.

        What could not be sent is not kept either: a cache that knows more than its store would never send it again.
        """
        if self.store is None:
            return
        home = self.root / name
        try:
            self._send_folder(home, mark) if mark else self._send(home)
        except JinsuError:
            (home / mark).unlink()
            raise

    def _send_folder(self, home: Path, mark: str) -> None:
        files = [path for path in sorted(home.rglob("*")) if path.is_file() and path != home / mark]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(self._send, files))
        self._send(home / mark)

    def folders(self, name: str) -> list[str]:
        """Names of the folders directly below the folder `name`, sorted. Drafts are none."""
        if self.store is not None:
            return sorted(self.store.folders(f"{name}/"))
        home = self.root / name
        if not home.is_dir():
            return []
        return sorted(path.name for path in home.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _send(self, path: Path) -> None:
        assert self.store is not None
        self.store.put(path, path.relative_to(self.root).as_posix())

    def _bring(self, keys: list[str], name: str, target: Path) -> None:
        store = self.store
        assert store is not None
        target.mkdir(parents=True)
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda key: store.get(key, target / key.removeprefix(f"{name}/")), keys))
