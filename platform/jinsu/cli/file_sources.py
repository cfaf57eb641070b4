"""Where the files of a dataset come from: a folder of this machine, or a bucket that the caller's own keys open."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from jinsu.data.file_paths import check_path, normal
from jinsu.errors import BadInputError, TransientError

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """path: in the dataset. size: in bytes, as it was listed. read: its bytes, in blocks; each call begins anew."""

    path: str
    size: int
    read: Callable[[], Iterator[bytes]]


def folder_files(folder: Path) -> Iterator[SourceFile]:
    """Every file below a folder, sorted by path within each folder.

    Raises BadInputError for a link, a device, and a name that no dataset takes: what it would be elsewhere is not known.
    """
    yield from _below(str(folder), "")


def _below(place: str, prefix: str) -> Iterator[SourceFile]:
    """The files of one folder, as strings: paths as objects would take longer than reading small files."""
    try:
        found = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError as problem:
        raise BadInputError(f"{place}: cannot be read: {problem.strerror}; every file of the folder is put.") from None
    for entry in found:
        if entry.is_symlink():
            raise BadInputError(
                f"{entry.path}: is a symbolic link; a dataset holds plain files. Copy what it leads to: cp -rL"
            )
        inside = normal(prefix + entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{inside}/")
            continue
        check_path(inside)
        if not entry.is_file(follow_symlinks=False):
            raise BadInputError(
                f"{entry.path}: is no file but a device, a pipe or a socket; a dataset holds plain files."
            )
        size = entry.stat(follow_symlinks=False).st_size
        yield SourceFile(inside, size, partial(_read, entry.path, size))


def _read(path: str, size: int) -> Iterator[bytes]:
    # Neither a link nor a pipe that took the file's place since it was listed.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise BadInputError(f"{path}: cannot be read: {problem.strerror}; every file of the folder is put.") from None
    try:
        come = 0
        # One byte more than is left shows a file that has grown, and the end of any other without another question.
        while block := os.read(descriptor, min(BLOCK_BYTES, size - come + 1)):
            come += len(block)
            if come > size:
                break
            yield block
            if come == size and len(block) < BLOCK_BYTES:
                break
    finally:
        os.close(descriptor)
    if come != size:
        raise BadInputError(f"{path}: changed while it was read; put the folder again when nothing writes to it.")


def is_bucket(source: str) -> bool:
    """Whether a source is a place in a bucket, such as `s3://pictures/cats`."""
    return source.startswith("s3://")


def bucket_files(source: str) -> Iterator[SourceFile]:
    """Every object below `s3://BUCKET/PREFIX`, as the files of a folder. The keys are the caller's own, as for AWS's tools.

    $AWS_ENDPOINT_URL names another store than AWS. Raises BadInputError for an address that is none, for a bucket that does not
    answer these keys, and for a key that is no name of a file.
    """
    from jinsu.objects.s3 import S3, S3Settings

    address = urlsplit(source)
    if not address.netloc or address.query or address.fragment:
        raise BadInputError(f"{source}: is no place in a bucket; write s3://BUCKET/FOLDER.")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    prefix = address.path.strip("/")
    bucket = S3(S3Settings(address.netloc, endpoint, region, prefix, path_style=endpoint is not None, attempts=4))
    try:
        for item in bucket.stored(""):
            if item.key.endswith("/") and not item.size:  # how some tools mark a folder
                continue
            inside = normal(item.key)
            check_path(inside)
            yield SourceFile(inside, item.size, _object_reader(bucket.blocks, item.key, item.size))
    except TransientError as problem:
        raise BadInputError(
            f"{source}: {problem} Are your keys in the environment or in ~/.aws, and may they list and read the bucket?"
        ) from None


def _object_reader(blocks: Callable[[str], Iterator[bytes]], key: str, size: int) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        come = 0
        for block in blocks(key):
            come += len(block)
            yield block
        if come != size:
            raise BadInputError(f"{key}: changed while it was read; put the bucket again when nothing writes to it.")

    return read
