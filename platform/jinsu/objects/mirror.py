"""The folder in which a process finds objects: all of them on one machine, a cache of the store on Kubernetes.

An object is written to a draft, uploaded with its mark last, and only then renamed to its place. Without a store, the rename
is the publication. A process that is killed anywhere leaves nothing, or the whole object, and the next one goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from jinsu.errors import JinsuError, NotFoundError, TransientError
from jinsu.files import sync_tree, write_atomic, write_atomic_bytes, write_once
from jinsu.objects.cache import Cache, discard
from jinsu.objects.claims import Claim, claim
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

    A folder object has a mark: a file that is uploaded last and read first. Of several that publish a folder of one name, the
    first whose mark is stored wins everywhere, and it is never replaced. Methods that reach the store raise TransientError
    when the store fails. bound: bytes of a store's objects that are kept here.
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

    def draft(self) -> AbstractContextManager[Path]:
        """An empty folder for an object that is being made; removed at the end unless the object was kept."""
        return self.drafts.new()

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

    def keep_folder(self, name: str, mark: str, draft: Path, whole: IsWhole | None = None) -> Path:
        """Keeps a whole draft as the object `name`, unless that is there; returns the folder of the object.

        What is there is another writer's perhaps, with other content. What is there and not `whole` is replaced. Raises
        TransientError while another machine publishes the same object.
        """
        folder, is_whole = self.root / name, whole or (lambda found: (found / mark).is_file())
        with self._alone(name):
            if self.store is None:
                if not is_whole(folder):
                    sync_tree(draft)
                    self._show(draft, folder)
                return folder
            self.cache.hold(name)
            if not self._is_kept(name, mark, is_whole) and self._publish(name, mark, draft, is_whole):
                self._show(draft, folder)
        return folder

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

    def _is_kept(self, name: str, mark: str, whole: IsWhole) -> bool:
        """Whether the store has the whole object, which is here then."""
        assert self.store is not None
        stored, folder = self.store.read(f"{name}/{mark}"), self.root / name
        if stored is None:
            discard(folder, self.drafts.root)
            return False
        if (folder / mark).exists() and (folder / mark).read_bytes() == stored and whole(folder):
            return True
        return self._bring(name, mark, whole)

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

    def _publish(self, name: str, mark: str, draft: Path, whole: IsWhole) -> bool:
        """Uploads a draft; False when another writer was first, whose folder is here then."""
        store = self.store
        assert isinstance(store, PlatformStore)
        held = claim(store, name, self._identity())
        if held is None:
            raise TransientError(f"{name}: another machine publishes it; it is tried again.", 10.0)
        try:
            if self._is_kept(name, mark, whole):  # by the one who had the claim before
                return False
            store.delete(f"{name}/")  # what a killed writer left
            self._upload(held, name, mark, draft)
            if not store.create(f"{name}/{mark}", (draft / mark).read_bytes()) and self._is_kept(name, mark, whole):
                return False
        finally:
            with suppress(JinsuError):
                held.release()
        return True

    def _upload(self, held: Claim, name: str, mark: str, draft: Path) -> None:
        """Uploads every file but the mark."""
        store = self.store
        assert store is not None

        def put(path: Path) -> None:
            held.renew()
            store.put(path, f"{name}/{path.relative_to(draft).as_posix()}")

        files = [path for path in sorted(draft.rglob("*")) if path.is_file() and path != draft / mark]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(put, files))

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

    def _identity(self) -> str:
        """Names this folder among all that share the store."""
        path = self.root / ".identity"
        with self._alone(".identity"):
            if not path.exists():
                write_atomic(path, uuid4().hex)
        return path.read_text(encoding="utf-8")


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
