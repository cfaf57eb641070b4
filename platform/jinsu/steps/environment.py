"""The environments of a step's processes. They are built from a list of harmless names, so no credential is in them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from jinsu.sdk.step_files import PACKAGES_NAME, STEP_DIR_VARIABLE, StepFiles
from jinsu.steps.spec import StepKind, StepSpec

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE")
STEP_ROOT_VARIABLE = "JINSU_STEP_ROOT"
"""Names the step's folder on this machine: a process of a step is found by it."""
_SOURCE_ROOT = Path(__file__).parents[2]


def runner_environment(root: Path, base: Mapping[str, str]) -> dict[str, str]:
    """What the runner of the step in `root` starts with: what may be passed on of `base`, and the way to this package."""
    own = {"PYTHONPATH": str(_SOURCE_ROOT), "PYTHONDONTWRITEBYTECODE": "1", STEP_ROOT_VARIABLE: str(root)}
    return {**_harmless(base), **own}


def script_environment(
    step: StepSpec, root: Path, seen: StepFiles, scratch: Path, base: Mapping[str, str]
) -> dict[str, str]:
    """What the script of the step in `root` starts with.

    seen: the step's files as the script sees them. scratch: its home and temporary folder. base: the runner's environment.
    """
    # One thread for each core asked for: libraries that take every core of the machine slow each other down.
    threads = str(max(1, int(step.limits.cpu)))
    # A program of the platform works in a folder of a person's files, and must not import any of them as its own modules.
    safe_path = {"PYTHONSAFEPATH": "1"} if step.kind is StepKind.PLATFORM else {}
    paths = [str(_SOURCE_ROOT)]
    programs: dict[str, str] = {}
    if any(item.name == PACKAGES_NAME for item in step.inputs):
        # First, because the platform's own packages may lie in the folder of its source.
        paths.insert(0, str(seen.packages))
        programs = {"PATH": f"{seen.packages}/bin:{base.get('PATH', os.defpath)}"}
    return {
        **_harmless(base),
        **programs,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "ORT_DISABLE_TELEMETRY": "1",
        STEP_DIR_VARIABLE: str(seen.root),
        STEP_ROOT_VARIABLE: str(root),
        **safe_path,
    }


def _harmless(base: Mapping[str, str]) -> dict[str, str]:
    return {name: base[name] for name in _PASSED_ON if name in base}
