"""The program CHOOSE: the files that training rows name, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.confined.findings import write_findings
from jinsu.confined.tasks import LISTING, ROWS, TRAINED, Chosen
from jinsu.data.chosen_files import choose_files
from jinsu.sdk.file_listing import LISTING_FILE
from jinsu.sdk.step_files import StepFiles


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    inputs, target = files.inputs, files.out / LISTING_FILE
    write_findings(files.out, Chosen(choose_files(inputs / LISTING, inputs / TRAINED, inputs / ROWS, target)))
