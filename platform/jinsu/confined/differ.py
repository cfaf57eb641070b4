"""The program DIFFER: what differs between two versions of a dataset, in numbers. No value of a row leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.confined.tasks import NEW, OLD
from jinsu.data.differences import file_change, row_change
from jinsu.sdk.step_files import StepFiles


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Differ, document)
    old, new = files.inputs / OLD, files.inputs / NEW
    write_findings(files.out, file_change(old, new) if details.listings else row_change(old, new, details.keys))
