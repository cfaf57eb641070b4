"""The program PACKAGE: is a saved model whole, finite, faithful and fast?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.packaging.package import package
from jinsu.sdk.step_files import StepFiles


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Package, document)
    budgets = (details.tolerance, details.budget_ms)
    write_findings(files.out, package(files.inputs / tasks.MODEL, files.out, *budgets, quantized=details.quantized))
