"""The files of a set as inputs of a step: those of training rows for a training, and for held-out rows their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jinsu.confined.tasks import FILES, LISTING, ROWS, TRAINED, Choose, Fill, confined_step
from jinsu.data.datasets import DatasetStore
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE
from jinsu.runs.dataset_files import pack_names
from jinsu.sdk.file_listing import LISTING_FILE, read_header
from jinsu.sdk.files import PACKS_FOLDER
from jinsu.sdk.step_files import FILES_NAME
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input, Limits, StepSpec

_CHOOSE_EDITION, _FILL_EDITION = "choose-1", "fill-1"


@dataclass(frozen=True)
class FileInputs:
    """Which steps a run over a set of files needs besides, and what they leave. A run over a table needs none."""

    datasets: DatasetStore
    steps: StepFolders
    platform_limits: Limits

    def choosing(self, dataset: str, split: str, labels: Mapping[str, str]) -> StepSpec | None:
        """The step that finds the files of training rows; None for a table. split: run key of the step that divided the rows."""
        version = self.datasets.resolve(dataset)
        if not version.packed:
            return None
        inputs = (
            *self.steps.inputs(version.step, {LISTING: LISTING_FILE}),
            *self.steps.inputs(split, {TRAINED: TRAIN_FILE, ROWS: EVAL_FILE}),
        )
        return confined_step(Choose(), inputs, self.platform_limits, _CHOOSE_EDITION, labels)

    def of_training(self, dataset: str, choosing: StepSpec | None) -> tuple[Input, ...]:
        """Inputs of a training, once the files were chosen: their listing, and of each pack their bytes alone."""
        if choosing is None:
            return ()
        (listing,) = self.steps.inputs(choosing.run_key, {f"{FILES_NAME}/{LISTING_FILE}": LISTING_FILE})
        names = pack_names(self.steps, self.datasets.resolve(dataset))
        with self.steps.objects.file(listing.uri).open("rb") as stream:
            used = [pack.sha256 for pack in read_header(stream).packs]
        packs = (Input(f"{FILES_NAME}/{PACKS_FOLDER}/{sha}", names[sha], sha, listing.name) for sha in used)
        return (listing, *packs)

    def filling(self, dataset: str, split: str, labels: Mapping[str, str]) -> StepSpec | None:
        """The step that puts files into held-out rows; None for a table."""
        version = self.datasets.resolve(dataset)
        if not version.packed:
            return None
        packs = pack_names(self.steps, version).items()
        inputs = (
            *self.steps.inputs(split, {ROWS: EVAL_FILE}),
            *self.steps.inputs(version.step, {f"{FILES}/{LISTING_FILE}": LISTING_FILE}),
            *(Input(f"{FILES}/{PACKS_FOLDER}/{sha}", name, sha) for sha, name in packs),
        )
        return confined_step(Fill(), inputs, self.platform_limits, _FILL_EDITION, labels)
