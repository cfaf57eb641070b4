"""An object store in a folder, whose requests fail when a test says so."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

from jinsu.errors import NotFoundError, TransientError


class FolderStore:
    """An object store in a folder: flat keys, one file an object, deletion by prefix, as S3 has it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests = 0
        self.down: Callable[[str, str], bool] = lambda verb, key: False
        root.mkdir(exist_ok=True)

    def _path(self, verb: str, key: str) -> Path:
        self.requests += 1
        if self.down(verb, key):
            raise TransientError(f"object store: {verb} of {key}: 503", 0.1)
        return self.root / quote(key, safe="")

    def put(self, path: Path, key: str) -> None:
        target = self._path("put", key)
        draft = target.with_name(f".{uuid4().hex}")
        draft.write_bytes(path.read_bytes())
        draft.replace(target)

    def get(self, key: str, path: Path) -> None:
        data = self.read(key)
        if data is None:
            raise NotFoundError(f"download of {key}: it is not in the object store.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def write(self, key: str, data: bytes) -> None:
        target = self._path("write", key)
        draft = target.with_name(f".{uuid4().hex}")
        draft.write_bytes(data)
        draft.replace(target)

    def read(self, key: str) -> bytes | None:
        try:
            return self._path("read", key).read_bytes()
        except FileNotFoundError:
            return None

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        self._path("list", prefix)
        found = sorted(unquote(path.name) for path in self.root.iterdir() if not path.name.startswith("."))
        yield from (key for key in found if key.startswith(prefix) and key > after)

    def folders(self, prefix: str) -> Iterator[str]:
        yield from sorted({key[len(prefix) :].split("/")[0] for key in self.keys(prefix) if "/" in key[len(prefix) :]})

    def delete(self, prefix: str) -> None:
        for key in list(self.keys(prefix)):
            (self.root / quote(key, safe="")).unlink(missing_ok=True)

    def holds(self, data: bytes) -> bool:
        return any(data in path.read_bytes() for path in self.root.iterdir())
