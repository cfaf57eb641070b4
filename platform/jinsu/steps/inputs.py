"""Brings a step's inputs, parameters and specification into its folder."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from jinsu.errors import BadInputError, StepFailedError
from jinsu.files import file_digest, write_atomic, write_private
from jinsu.sdk.file_listing import Part, read_entries, read_header
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.quantities import format_bytes
from jinsu.steps.spec import Input, StepSpec

FindObject = Callable[[str], Path]
"""Gives the path of an object by its name. The path may be missing."""

_ARCHIVE = ".tar.gz"


def bring_inputs(step: StepSpec, files: StepFiles, find: FindObject) -> None:
    """Fills the folder of the inputs anew: archives are unpacked unless they are asked for as such, the rest is copied.

    Raises StepFailedError for an object that is gone, BadInputError for an archive that cannot be unpacked, and OSError
    when the disk is full.
    """
    shutil.rmtree(files.inputs, ignore_errors=True)
    files.code.mkdir(parents=True)
    for item in step.inputs:
        if not item.chosen:
            _bring(item, find(item.uri), files)
    _bring_chosen([item for item in step.inputs if item.chosen], find, files)
    write_atomic(files.params, json.dumps(dict(step.params)))
    write_atomic(files.step, step.to_json())
    if step.secrets:
        write_private(files.secrets, json.dumps(dict(step.secrets)))


def _bring(item: Input, source: Path, files: StepFiles) -> None:
    # Copies, never links: the script may write to its inputs, and through a link it would write to the object itself.
    target = files.inputs / item.name
    if not source.exists():
        raise StepFailedError(f"input {item.name!r}: {item.uri} is gone; submit again.")
    if source.is_file() and item.digest and file_digest(source) != item.digest:
        raise StepFailedError(f"input {item.name!r}: {item.uri} is not what it was; submit again.")
    if source.name.endswith(_ARCHIVE) and not item.name.endswith(_ARCHIVE):
        target.mkdir(parents=True, exist_ok=True)
        unpack(source, target)
    elif source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _bring_chosen(packs: Sequence[Input], find: FindObject, files: StepFiles) -> None:
    """Copies of each pack the bytes of chosen files; what is between them, such as held-out files, reads as zeros."""
    ranges: dict[str, list[Part]] = {}
    for listing in {item.chosen for item in packs}:
        with (files.inputs / listing).open("rb") as stream:
            for entry in read_entries(stream, read_header(stream)):
                for part in entry.parts:
                    ranges.setdefault(part.pack, []).append(part)
    for item in packs:
        source, target = find(item.uri), files.inputs / item.name
        if not source.exists():
            raise StepFailedError(f"input {item.name!r}: {item.uri} is gone; submit again.")
        if file_digest(source) != item.digest:
            raise StepFailedError(f"input {item.name!r}: {item.uri} is not what it was; submit again.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as pack, target.open("wb") as copy:
            for part in sorted(ranges.get(item.digest, ()), key=lambda part: part.offset):
                pack.seek(part.offset)
                copy.seek(part.offset)
                copy.write(pack.read(part.length))


def unpack(archive: Path, target: Path, most: int | None = None) -> None:
    """Unpacks an archive into the folder `target`: plain files and folders, nothing else.

    most: bytes of all files together; None for a snapshot, which was measured when it came.

    Raises BadInputError for a damaged archive or one that holds more than `most`, and for a link, a device or a name that
    leads out of the folder.
    Written out because the standard library's own filter (PEP 706) is missing in Python 3.11.0 to 3.11.3.
    """
    try:
        with tarfile.open(archive, "r:gz" if archive.name.endswith(".gz") else "r:") as bundle:
            size = 0
            for member in bundle:
                size += member.size
                if most is not None and size > most:
                    raise BadInputError(f"{archive.name}: unpacks to more than {format_bytes(most)}; send it in parts.")
                _extract(bundle, member, archive.name, target)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise BadInputError(f"{archive.name}: cannot be unpacked: {problem}.") from None


def _extract(bundle: tarfile.TarFile, member: tarfile.TarInfo, archive: str, target: Path) -> None:
    name = PurePosixPath(member.name.lstrip("/"))
    if ".." in name.parts or not (member.isreg() or member.isdir()):
        raise BadInputError(f"{archive}: {member.name!r}: an archive holds plain files below its folder.")
    path = target / name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = bundle.extractfile(member)
    assert content is not None
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
