"""The program INGEST: a table or an archive as it was sent becomes the content of a dataset version."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.confined.tasks import UPLOAD
from jinsu.data.content import CONTENT_FOLDER, Content
from jinsu.data.file_sets import copy_files
from jinsu.data.tables import write_delta
from jinsu.errors import JinsuError
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.inputs import unpack

ARCHIVE = ".tar.gz"
_LITTLE_BYTES = 1 << 30
_MOST_TIMES = 20
"""How much an archive may unpack to: this many times its size, or a GiB. Pictures hardly shrink, texts to a tenth."""


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Ingest, document)
    source = files.inputs / f"{UPLOAD}{details.suffix}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            content = ingest(source, details.suffix, files.out, Path(folder))
        except JinsuError as problem:
            text = str(problem).replace(f"{folder}/", "").replace(str(source), details.name)
            raise type(problem)(text.replace(source.name, details.name)) from None
    write_findings(files.out, content)


def ingest(source: Path, suffix: str, out: Path, scratch: Path) -> Content:
    """Writes the content below the folder `out`; `scratch` is an empty folder for what an archive holds.

    Raises BadInputError for a file that is no table and no archive.
    """
    target = out / CONTENT_FOLDER
    if suffix != ARCHIVE:
        return write_delta(source, target)
    unpack(source, scratch, max(_LITTLE_BYTES, _MOST_TIMES * source.stat().st_size))
    return copy_files(scratch, target)
