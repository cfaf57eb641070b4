"""The descendants of this process: adopted when their parent dies, measured together, and ended together."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time

import psutil

_GRACE_SECONDS = 5.0
_PR_SET_CHILD_SUBREAPER = 36
_TOO_MANY_TO_WAIT_FOR = 64


def adopt_orphans() -> None:
    """Makes this process the parent of any descendant whose parent dies, so that no descendant escapes. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def living_descendants(wrapper: int | None = None) -> list[psutil.Process]:
    """Every descendant that has not ended. `wrapper`: the process of bubblewrap; it and its own first process are left out."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            is_wrapper = wrapper is not None and wrapper in (process.pid, process.ppid())
            if not is_wrapper and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_descendants(wrapper: int | None = None) -> None:
    """Ends every descendant: asks it to terminate, and kills it after five seconds.

    New descendants may appear meanwhile, so it looks again until there are none. Very many are killed at once. bubblewrap
    (`wrapper`) is not asked, because it would take the others with it at once; it ends after them.
    """
    grace_ends = time.monotonic() + _GRACE_SECONDS
    for process in living_descendants(wrapper):
        with contextlib.suppress(psutil.Error):
            process.terminate()
    while alive := living_descendants():
        if time.monotonic() > grace_ends or len(alive) > _TOO_MANY_TO_WAIT_FOR:
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        psutil.wait_procs(alive, timeout=0.1)
