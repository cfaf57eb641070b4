"""The objects that a dataset version consists of, as somebody who takes a copy asks for them."""

from __future__ import annotations

from jinsu.data.content import CONTENT_FOLDER
from jinsu.data.datasets import DatasetVersion
from jinsu.data.packs import Packs
from jinsu.errors import BadInputError, NotFoundError
from jinsu.sdk.file_listing import LISTING_FILE, Pack, read_header
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
    if not version.packed:
        return steps.inputs(version.step, {"": f"{CONTENT_FOLDER}/"})
    found = steps.inputs(version.step, {LISTING_FILE: LISTING_FILE, "table/": f"{CONTENT_FOLDER}/"})
    packs = pack_names(steps, version)
    return (*found, *(Input(f"packs/{digest}", name, digest) for digest, name in packs.items()))


def packs_of(steps: StepFolders, version: DatasetVersion) -> tuple[Pack, ...]:
    """The packs of a version; () for one that has none."""
    if not version.packed:
        return ()
    (listing,) = steps.inputs(version.step, {LISTING_FILE: LISTING_FILE})
    with steps.objects.file(listing.uri).open("rb") as stream:
        return read_header(stream).packs


def pack_names(steps: StepFolders, version: DatasetVersion) -> dict[str, str]:
    """Names of a version's packs among the objects, by their sha256."""
    packs = Packs(steps.objects)
    return {pack.sha256: packs.name(version.name, pack.sha256) for pack in packs_of(steps, version)}


def dataset_file(steps: StepFolders, version: DatasetVersion, name: str) -> Input:
    """One of `dataset_files`. Raises NotFoundError for a name that is none of them."""
    for item in dataset_files(steps, version):
        if item.name == name:
            return item
    raise NotFoundError(
        f"dataset {version.reference} has no file {name[:200]!r}; see: jinsu data get {version.reference} DIR"
    )
