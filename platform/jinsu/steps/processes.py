"""Processes of a step that no living runner looks after: found by the step's folder in their environment, and killed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from jinsu.sdk.step_files import STEP_DIR_VARIABLE
from jinsu.steps.environment import STEP_ROOT_VARIABLE


def processes_of(root: Path) -> list[psutil.Process]:
    """Every process that was started for the step in the folder `root`, its runners included, the caller not."""
    processes, own_pid = [], psutil.Process().pid
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = process.environ()
            named = (environment.get(STEP_ROOT_VARIABLE), environment.get(STEP_DIR_VARIABLE))
            if process.pid != own_pid and str(root) in named:
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
