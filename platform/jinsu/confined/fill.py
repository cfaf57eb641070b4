"""The program FILL: held-out rows with their files in them, as a request to the model would hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.confined.tasks import FILES, ROWS
from jinsu.data.chosen_files import fill_rows
from jinsu.sdk.files import Files
from jinsu.sdk.step_files import StepFiles


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    fill_rows(files.inputs / ROWS, Files(files.inputs / FILES).__getitem__, files.out / ROWS)
