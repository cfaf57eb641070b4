"""Where a backup lies: a folder, or a part of a bucket."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from jinsu.errors import BadInputError, NotFoundError
from jinsu.files import write_atomic_bytes
from jinsu.objects.s3 import S3, S3Settings
from jinsu.objects.store import Store


class Folder:
    """A store in a folder, for its owner alone. The methods keep the promises of `Store`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, path: Path, key: str) -> None:
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = target.with_name(f".{target.name}.{uuid4().hex}")
        try:
            shutil.copyfile(path, draft)
            draft.chmod(0o600)
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def get(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            shutil.copyfile(self._root / key, draft)
            draft.replace(path)
        except FileNotFoundError:
            raise NotFoundError(f"{self._root / key}: there is no such file.") from None
        finally:
            draft.unlink(missing_ok=True)

    def write(self, key: str, data: bytes) -> None:
        write_atomic_bytes(self._root / key, data)
        (self._root / key).chmod(0o600)

    def read(self, key: str) -> bytes | None:
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        names = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        yield from sorted(name for name in names if name.startswith(prefix) and name > after)

    def folders(self, prefix: str) -> Iterator[str]:
        folder = self._root / prefix
        yield from sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()

    def delete(self, prefix: str) -> None:
        for key in list(self.keys(prefix)):
            (self._root / key).unlink(missing_ok=True)


def open_target(address: str, known: S3Settings | None) -> Store:
    """The store at `address`, a folder or `s3://BUCKET/PREFIX`.

    known: the installation's own store, whose server and keys are used; without it, AWS with the identity of this machine.
    Raises BadInputError for an address of another kind.
    """
    place = urlsplit(address)
    if place.scheme == "s3":
        if not place.netloc:
            raise BadInputError(f"{address}: names no bucket; give s3://BUCKET/PREFIX.")
        settings = known or S3Settings(
            "", endpoint=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        )
        return S3(replace(settings, bucket=place.netloc, prefix=place.path.strip("/")))
    if place.scheme:
        raise BadInputError(f"{address}: is neither a folder nor s3://BUCKET/PREFIX.")
    root = Path(address).absolute()
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise BadInputError(f"{root}: cannot hold a backup: {problem.strerror}.") from None
    return Folder(root)
