"""The folder in which a process finds objects: all of them on one machine, a cache of the store on Kubernetes.

A file is written to a draft, uploaded, and only then renamed to its place. Without a store, the rename is the publication. A
process that is killed anywhere leaves nothing, or the whole object, and the next one goes on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from jinsu.errors import NotFoundError
from jinsu.files import write_atomic_bytes, write_once
from jinsu.objects.cache import Cache, discard
from jinsu.objects.drafts import Drafts
from jinsu.objects.locks import alone
from jinsu.objects.store import PlatformStore, Store

log = logging.getLogger("jinsu.objects")

CACHE_BYTES = 1 << 30
"""How much of a store a process's folder holds at most, unless the installation's settings say otherwise."""
_PARALLEL = 8

IsWhole = Callable[[Path], bool]
"""Whether a folder is a whole object: its files are those that its mark names."""


class Mirror:
    """Below `root` every object is a file. Without a store, the folder itself holds all objects.

    A folder object has a mark: a file that is uploaded last and read first. Folders are published by the steps whose outputs
    they are, and brought here whole. Methods that reach the store raise TransientError when the store fails. bound: bytes of
    a store's objects that are kept here.
    """

    def __init__(self, root: Path, store: Store | None = None, bound: int = CACHE_BYTES) -> None:
        self.root, self.store = root, store
        self.drafts = Drafts(root)
        self.cache = Cache(root, self.drafts.root, bound)

    # --- Reading ---

    def file(self, name: str) -> Path:
        """Path of an object that never changes, downloaded when it is not here yet. There may be no such object."""
        path = self.root / name
        if self.store is None:
            return path
        self.cache.hold(name)
        if not path.exists():
            with suppress(NotFoundError), self._alone(name), self.drafts.new() as draft:
                if not path.exists():
                    self.store.get(name, draft / "file")
                    _rename(draft / "file", path)
                    self.cache.grown(path.stat().st_size)
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

    def folder(self, name: str, mark: str, whole: IsWhole | None = None, fresh: bool = False) -> Path:
        """Path of a folder object, downloaded when its mark is not here yet. There may be no such object.

        whole: looks at what was downloaded; what it refuses is not shown. fresh: asks the store whether the object is still
        there, and the same: it may have been deleted since it was downloaded.
        """
        folder = self.root / name
        if self.store is None:
            return folder
        self.cache.hold(name)
        if not (folder / mark).exists() or (fresh and not self._is_current(name, mark)):
            with self._alone(name):
                if not (folder / mark).exists():  # else another process was first, and its folder may be in use
                    self._bring(name, mark, whole)
        return folder

    def reading(self, name: str) -> AbstractContextManager[None]:
        """Keeps a cached object here while the caller reads it; other objects may go some minutes after they were asked for."""
        return self.cache.reading(name)

    def folders(self, name: str) -> list[str]:
        """Names of the folders directly below the folder `name`, sorted, without drafts."""
        if self.store is not None:
            return sorted(self.store.folders(f"{name}/"))
        folder = self.root / name
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    # --- Writing ---

    def write(self, name: str, data: bytes) -> None:
        """Writes a small object that may change."""
        if self.store is not None:
            self.store.write(name, data)
        else:
            write_atomic_bytes(self.root / name, data)

    def write_once(self, name: str, data: bytes) -> None:
        """Writes a small object unless there is one of this name, which then stays as it is."""
        if self.store is None:
            write_once(self.root / name, data)
            return
        assert isinstance(self.store, PlatformStore)
        self.store.create(name, data)

    def send(self, name: str) -> None:
        """Uploads a file that was written below the root."""
        if self.store is not None:
            self.store.put(self.root / name, name)

    def adopt(self, path: Path, name: str) -> None:
        """Makes a file that was written below the root an object that never changes. The file is gone afterwards."""
        if self.store is not None:
            self.store.put(path, name)
            path.unlink()
            return
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        _rename(path, self.root / name)

    def remove(self, name: str) -> None:
        """Deletes a file, here and in the store."""
        (self.root / name).unlink(missing_ok=True)
        if self.store is not None:
            self.store.delete(name)

    def keep_file(self, name: str, data: bytes) -> Path:
        """Keeps an object that never changes; returns its path. One that is there already counts as new from now on."""
        path = self.root / name
        with self._alone(name), self.drafts.new() as draft:
            file = draft / "file"
            write_atomic_bytes(file, data)
            if self.store is not None:
                self.cache.hold(name)
                self.store.put(file, name)
            if path.exists():
                path.touch()
            else:
                _rename(file, path)
        return path

    # --- Between here and the store ---

    def _is_current(self, name: str, mark: str) -> bool:
        """Whether the store's object is the one that is here. One that is gone from the store is removed here."""
        assert self.store is not None
        stored, path = self.store.read(f"{name}/{mark}"), self.root / name / mark
        try:
            here = path.read_bytes()
            if here == stored:
                return True
            with self._alone(name):
                if path.read_bytes() == here:  # else another process has brought the present one meanwhile
                    discard(self.root / name, self.drafts.root)
        except FileNotFoundError:
            pass
        return False

    def _bring(self, name: str, mark: str, whole: IsWhole | None) -> bool:
        """Downloads a folder whose mark is in the store; says whether it is here now. The caller holds the object's lock."""
        assert self.store is not None
        keys = list(self.store.keys(f"{name}/"))
        if f"{name}/{mark}" not in keys:
            return False
        with self.drafts.new() as draft:
            try:
                self._download(keys, name, draft)
            except NotFoundError:
                log.warning("%s: it was deleted from the store while it was downloaded", name)
                return False
            if whole is not None and not whole(draft):
                log.warning("%s: its files in the store are not those that its %s names", name, mark)
                return False
            size = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
            self._show(draft, self.root / name)
        self.cache.grown(size)
        return True

    def _download(self, keys: list[str], name: str, target: Path) -> None:
        store = self.store
        assert store is not None
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda key: store.get(key, target / key.removeprefix(f"{name}/")), keys))

    # --- In the folder ---

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with alone(self.root / ".locks", name):
            yield

    def _show(self, draft: Path, folder: Path) -> None:
        """Renames a whole draft to its place. What lies there is no whole object; the caller holds the object's lock."""
        if folder.exists():
            discard(folder, self.drafts.root)
        _rename(draft, folder)


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
