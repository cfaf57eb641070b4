"""The folder in which a process finds objects: all of them on one machine, a cache of the store on Kubernetes."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from jinsu.errors import JinsuError, NotFoundError
from jinsu.files import write_atomic_bytes, write_once
from jinsu.objects.store import Store

_PARALLEL = 8


class Mirror:
    """Below `root` every object is a file. Without a store, the folder itself holds all objects.

    A folder object has a mark: a file that is written last and read first. A reader that finds the mark finds the whole
    folder. Methods that reach the store raise TransientError when the store fails.
    """

    def __init__(self, root: Path, store: Store | None = None) -> None:
        self.root, self.store = root, store

    def file(self, name: str) -> Path:
        """Path of an object that never changes, downloaded when it is not here yet. There may be no such object."""
        path = self.root / name
        if self.store is not None and not path.exists():
            with suppress(NotFoundError):
                self.store.get(name, path)
        return path

    def read(self, name: str, fresh: bool = False) -> bytes | None:
        """A small object's content, or None; `fresh` asks the store again, for an object that may change."""
        path = self.root / name
        if self.store is not None and (fresh or not path.exists()):
            return self.store.read(name)
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, data: bytes) -> None:
        """Keeps a small object: in the store first, then here."""
        if self.store is not None:
            self.store.write(name, data)
        write_atomic_bytes(self.root / name, data)

    def folder(self, name: str, mark: str) -> Path:
        """Path of a folder object, downloaded when its mark is not here yet. There may be no such object."""
        folder = self.root / name
        if self.store is None or (folder / mark).exists():
            return folder
        keys = list(self.store.keys(f"{name}/"))
        if f"{name}/{mark}" not in keys:
            return folder
        draft = folder.with_name(f".draft-{uuid4().hex}")
        try:
            self._download(keys, name, draft)
            if folder.exists():
                shutil.rmtree(folder)
            draft.replace(folder)
        except OSError:
            if not (folder / mark).exists():  # else another process downloaded the folder first
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return folder

    def publish(self, name: str, mark: str = "") -> None:
        """Uploads a file, or a folder with its mark last.

        When an upload fails, the file or the mark is deleted here too: a cache that holds more than its store would
        never upload the object again.
        """
        if self.store is None:
            return
        path = self.root / name
        try:
            self._upload_folder(path, mark) if mark else self._upload(path)
        except JinsuError:
            (path / mark).unlink()
            raise

    def _upload_folder(self, folder: Path, mark: str) -> None:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / mark]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(self._upload, files))
        self._upload(folder / mark)

    def write_once(self, name: str, data: bytes) -> None:
        """Keeps a small object unless there is one of this name already, which then stays."""
        if self.store is not None:
            if self.store.read(name) is None:
                self.store.write(name, data)
            return
        write_once(self.root / name, data)

    def remove(self, name: str) -> None:
        """Deletes a file, here and in the store."""
        (self.root / name).unlink(missing_ok=True)
        if self.store is not None:
            self.store.delete(name)

    def folders(self, name: str) -> list[str]:
        """Names of the folders directly below the folder `name`, sorted, without drafts."""
        if self.store is not None:
            return sorted(self.store.folders(f"{name}/"))
        folder = self.root / name
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _upload(self, path: Path) -> None:
        assert self.store is not None
        self.store.put(path, path.relative_to(self.root).as_posix())

    def _download(self, keys: list[str], name: str, target: Path) -> None:
        store = self.store
        assert store is not None
        target.mkdir(parents=True)
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda key: store.get(key, target / key.removeprefix(f"{name}/")), keys))
