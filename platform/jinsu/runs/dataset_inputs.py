"""A dataset version as inputs of a step."""

from __future__ import annotations

from jinsu.data.content import CONTENT_FOLDER
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input


def dataset_inputs(
    datasets: DatasetStore, steps: StepFolders, version: DatasetVersion, folder: str
) -> tuple[Input, ...]:
    """The rows of a version below the input `folder`. Raises BadInputError for a version of files."""
    content = datasets.table(version)
    if version.step:
        return steps.inputs(version.step, {f"{folder}/": f"{CONTENT_FOLDER}/"})
    return (Input(folder, content, version.digest),)
