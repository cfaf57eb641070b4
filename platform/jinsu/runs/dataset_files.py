"""The objects that a dataset version consists of, as somebody who takes a copy asks for them."""

from __future__ import annotations

from jinsu.data.content import CONTENT_FOLDER
from jinsu.data.datasets import DatasetVersion
from jinsu.errors import BadInputError, NotFoundError
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input


def dataset_files(steps: StepFolders, version: DatasetVersion) -> tuple[Input, ...]:
    """Every file of a version: its name in a copy, the object, and its sha256.

    Raises BadInputError for a version that version 0.1 made, which has no digest a file.
    """
    if not version.step:
        raise BadInputError(
            f"dataset {version.reference} was put by version 0.1 of the platform, which kept no digest of each file; put it again."
        )
    return steps.inputs(version.step, {"": f"{CONTENT_FOLDER}/"})


def dataset_file(steps: StepFolders, version: DatasetVersion, name: str) -> Input:
    """One of `dataset_files`. Raises NotFoundError for a name that is none of them."""
    for item in dataset_files(steps, version):
        if item.name == name:
            return item
    raise NotFoundError(
        f"dataset {version.reference} has no file {name[:200]!r}; see: jinsu data get {version.reference} DIR"
    )
