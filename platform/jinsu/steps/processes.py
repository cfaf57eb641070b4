"""Processes of a step whose agent is gone: found by the step's folder in their environment, and ended."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from jinsu.sdk.step_files import STEP_DIR_VARIABLE


def processes_of(root: Path) -> list[psutil.Process]:
    """Every process that was started for the step in `root`, but this one."""
    found, me = [], psutil.Process().pid
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != me and process.environ().get(STEP_DIR_VARIABLE) == str(root):
                found.append(process)
    return found


def end_processes_of(root: Path, patience: float = 5.0) -> None:
    """Kills them; two trainings that write the same checkpoints would ruin both."""
    left = processes_of(root)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=patience)
