"""Processes that a killed runner left behind: found by the step's folder in their environment, and killed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from jinsu.sdk.step_files import STEP_DIR_VARIABLE


def processes_of(root: Path) -> list[psutil.Process]:
    """Every process that was started for the step in the folder `root`, without the caller."""
    processes, own_pid = [], psutil.Process().pid
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != own_pid and process.environ().get(STEP_DIR_VARIABLE) == str(root):
                processes.append(process)
    return processes


def end_processes_of(root: Path, patience: float = 5.0) -> None:
    """Kills every process of the step in `root` and waits for their end, `patience` seconds at most.

    Two trainings that write the same checkpoints would ruin both.
    """
    processes = processes_of(root)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=patience)
