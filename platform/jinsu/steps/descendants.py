"""The descendants of this process: adopted when their parent dies, measured together, and ended together."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from dataclasses import dataclass

import psutil

_GRACE_SECONDS = 5.0
_PR_SET_CHILD_SUBREAPER = 36
_TOO_MANY_TO_WAIT_FOR = 64


@dataclass(frozen=True)
class Usage:
    """What all descendants use together: memory in bytes (shared pages count once for each process), and their number."""

    memory: int
    processes: int


def adopt_orphans() -> None:
    """Makes this process the parent of any descendant whose parent dies, so that no descendant escapes. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def usage() -> Usage:
    """What the living descendants use now. A process that has ended and was not waited for does not count."""
    memory = count = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                memory += process.memory_info().rss
                count += 1
    return Usage(memory, count)


def end_descendants() -> None:
    """Ends every descendant: asks it to terminate, and kills it after five seconds.

    New descendants may appear meanwhile, so it looks again until there are none. Very many are killed at once.
    """
    this_process = psutil.Process()
    grace_ends = time.monotonic() + _GRACE_SECONDS
    for process in this_process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.terminate()
    while alive := [process for process in this_process.children(recursive=True) if _is_alive(process)]:
        if time.monotonic() > grace_ends or len(alive) > _TOO_MANY_TO_WAIT_FOR:
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        psutil.wait_procs(alive, timeout=0.1)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
