"""The program PACKAGE: is a saved model whole, finite, faithful and fast?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.findings import write_findings
from jinsu.inference.python_package import package_any
from jinsu.sdk.model_files import PACKAGES_FILE
from jinsu.sdk.step_files import StepFiles


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Package, document)
    saved, packages = files.inputs / tasks.MODEL, files.inputs / PACKAGES_FILE
    budgets = (details.tolerance, details.budget_ms)
    installed = packages if packages.is_file() else None
    found = package_any(saved, installed, files.out, *budgets, quantized=details.quantized, gpu=details.gpu)
    write_findings(files.out, found)
