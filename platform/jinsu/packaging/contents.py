"""What a package contains, as one digest: the package that was scored is the package that serves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinsu.errors import GateFailedError
from jinsu.files import file_digest
from jinsu.sdk.model_files import CODE_FILE, CODE_FILES, MODEL_FILES, PACKAGES_FILE, WEIGHTS_FILE

_ALL = (*MODEL_FILES, CODE_FILE, WEIGHTS_FILE, PACKAGES_FILE)


@dataclass(frozen=True)
class SealedPackage:
    """A package that a server answers from.

    run_key: of the package step that made it. contents: digest of its files, or "" when it was registered before there were
    such digests. memory: bytes that the model took while it was packaged; 0 when nobody measured. image: in which a python model
    answers on Kubernetes; "" for every other. gpu: how many GPUs a server of it gets.
    """

    run_key: str
    contents: str = ""
    memory: int = 0
    image: str = ""
    gpu: int = 0


def model_files(outputs: Iterable[str]) -> list[str]:
    """Which outputs of a package step are files of the model."""
    there = set(outputs)
    needed, more = (CODE_FILES, PACKAGES_FILE) if CODE_FILE in there else (MODEL_FILES, WEIGHTS_FILE)
    return [*needed, *(name for name in (more,) if name in there)]


def contents_digest(files: Mapping[str, str]) -> str:
    """One digest for the files of a package. files: the sha256 of each output of the package step, by name.

    Raises GateFailedError when a file of the model is missing. Other outputs, such as the report, do not count.
    """
    missing = [name for name in model_files(files) if name not in files]
    if missing:
        raise GateFailedError(f"the package has no {missing[0]}; submit the run again.")
    lines = "".join(f"{files[name]}  {name}\n" for name in model_files(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def verify_contents(folder: Path, contents: str) -> None:
    """Raises GateFailedError unless the files in the folder are those of this digest."""
    try:
        there = model_files(name for name in _ALL if (folder / name).exists())
        found = contents_digest({name: file_digest(folder / name) for name in there})
    except OSError as problem:
        raise GateFailedError(f"{problem.filename}: {problem.strerror}; roll back to another version.") from None
    if found != contents:
        raise GateFailedError(
            f"the files in {folder} are not those that were evaluated (digest {found[:12]} instead of {contents[:12]}); "
            "roll back to another version."
        )
