"""A folder of plain files becomes the content of a dataset version, beside a list of the files' digests."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from jinsu.data.content import Content
from jinsu.errors import BadInputError
from jinsu.files import file_digest, write_atomic

_DIGESTS_NAME = "files.json"


def copy_files(source: Path, target: Path) -> Content:
    """Copies every file below `source` to `target`, and writes `files.json` (sha256 by path) beside `target`.

    Raises BadInputError for a symbolic link, and for a folder without files.
    """
    digests: dict[str, str] = {}
    size = 0
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_symlink():
            raise BadInputError(f"{path}: is a symbolic link; a dataset holds plain files.")
        if path.is_file():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            digests[name] = file_digest(copy)
            size += copy.stat().st_size
    if not digests:
        raise BadInputError(f"{source}: holds no file; a dataset needs at least one.")
    text = json.dumps(digests, sort_keys=True, indent=0)
    write_atomic(target.parent / _DIGESTS_NAME, text)
    schema = {"path": "string", "sha256": "string"}
    return Content("files", hashlib.sha256(text.encode()).hexdigest(), len(digests), size, schema)
