"""The environments of a step's processes. They are built from a list of harmless names, so no credential is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinsu.sdk.step_files import STEP_DIR_VARIABLE, StepFiles
from jinsu.steps.spec import Limits

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE")
_SOURCE_ROOT = Path(__file__).parents[2]


def runner_environment(base: Mapping[str, str]) -> dict[str, str]:
    """What a runner starts with: what may be passed on of `base`, and the way to this package."""
    return {**_harmless(base), "PYTHONPATH": str(_SOURCE_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def script_environment(files: StepFiles, limits: Limits, base: Mapping[str, str]) -> dict[str, str]:
    """What the researcher's process starts with; `base` is the runner's environment."""
    # One thread for each core asked for: libraries that take every core of the machine slow each other down.
    threads = str(max(1, int(limits.cpu)))
    return {
        **_harmless(base),
        "HOME": str(files.scratch),
        "TMPDIR": str(files.scratch),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(_SOURCE_ROOT),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        STEP_DIR_VARIABLE: str(files.root),
    }


def _harmless(base: Mapping[str, str]) -> dict[str, str]:
    return {name: base[name] for name in _PASSED_ON if name in base}
