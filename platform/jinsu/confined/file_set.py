"""The program FILE_SET: a listing as it was sent becomes the content of a dataset version."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.confined.tasks import LISTING, PACKS, PUBLISHED
from jinsu.data.file_sets import keep_listing
from jinsu.errors import BadInputError, JinsuError
from jinsu.sdk.file_listing import Header, read_header
from jinsu.sdk.step_files import StepFiles


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.FileSet, document)
    sent = files.inputs / LISTING
    published = [files.inputs / PUBLISHED / str(number) for number in range(details.published)]
    with tempfile.TemporaryDirectory() as folder:
        index: Path | None = None
        try:
            index = _index(sent, files.inputs / PACKS, Path(folder))
            content = keep_listing(sent, published, index, files.out, Path(folder))
        except JinsuError as problem:
            text = str(problem) if index is None else str(problem).replace(str(index), "the table of the files")
            raise type(problem)(f"dataset {details.name}: {text}") from None
    write_findings(files.out, content)


def _index(sent: Path, packs: Path, scratch: Path) -> Path | None:
    """The table of the files as it was sent, put together from its parts; None when there is none."""
    try:
        with sent.open("rb") as stream:
            header: Header = read_header(stream)
    except ValueError as problem:
        raise BadInputError(f"{problem}; put the folder again with this version of jinsu.") from None
    if not header.index:
        return None
    target = scratch / f"index{header.suffix if header.suffix.isascii() and '/' not in header.suffix else ''}"
    with target.open("wb") as stream:
        for part in header.index:
            with (packs / part.pack).open("rb") as pack:
                pack.seek(part.offset)
                stream.write(pack.read(part.length))
    return target
