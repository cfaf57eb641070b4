"""The program INSTALL: a lock becomes one archive of installed packages. Wheels are unpacked; nothing of them is executed."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.confined.uv import places, run_uv
from jinsu.errors import BadInputError
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.quantities import format_bytes

_LEVEL = 1
"""gzip's: an environment is read far more often than it is written, and libraries hardly shrink further."""


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Install, document)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = folder / "tree"
        words = [
            *("pip", "install", "--target", str(tree), "--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--link-mode", "hardlink", "--requirements", str(files.inputs / tasks.LOCK_FILE)),
            *places(secrets.get(tasks.INDEX, ""), details.links),
        ]
        run_uv(words, folder, lambda: check_size(folder, details))
        found = pack_tree(tree, files.out / tasks.ENVIRONMENT_FILE)
    write_findings(files.out, found)


def check_size(folder: Path, details: tasks.Install) -> None:
    """Raises BadInputError when there are more bytes or files than an environment may have. Links to one file count once."""
    seen: set[int] = set()
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                status = Path(place, name).lstat()
            except FileNotFoundError:
                continue
            if status.st_ino not in seen:
                seen.add(status.st_ino)
                total += status.st_size
    if total > details.most_bytes:
        raise BadInputError(
            f"the packages have more than {format_bytes(details.most_bytes)}, the limit of an environment; ask for fewer."
        )
    if len(seen) > details.most_files:
        raise BadInputError(f"the packages have more than {details.most_files} files, the limit; ask for fewer.")


def pack_tree(tree: Path, target: Path) -> tasks.Environment:
    """Writes the folder as an archive: the same files give the same bytes. Raises BadInputError for a link among them."""
    paths = sorted(path for path in tree.rglob("*") if not path.is_dir() or path.is_symlink())
    size = count = 0
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=_LEVEL) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as bundle,
    ):
        for path in paths:
            name = path.relative_to(tree).as_posix()
            if path.is_symlink() or not path.is_file():
                raise BadInputError(f"{name}: a package must hold plain files; ask for another version.")
            if path.name in _LEFT_OUT:
                continue
            data = _without_place(name, path.read_bytes())
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755 if path.stat().st_mode & 0o100 else 0o644
            bundle.addfile(member, io.BytesIO(data))
            size, count = size + len(data), count + 1
    return tasks.Environment(size, count)


_LEFT_OUT = frozenset({".lock", "uv_cache.json"})
"""What uv writes for itself; times and places of this step are in them."""
_BIN = "bin/"


def _without_place(name: str, data: bytes) -> bytes:
    """A program's first line names the Python of this step; the training's own Python is the first on its path."""
    first, end, rest = data.partition(b"\n")
    if name.startswith(_BIN) and first.startswith(b"#!") and b"python" in first:
        return b"#!/usr/bin/env python3" + end + rest
    return data
