"""The memory that several processes use together: a page that they share counts once."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

_MOST_SECONDS = 0.5
"""What one exact measurement may take. Processes that it did not reach count as nothing, so no step is ended wrongly."""
_PAUSE_FACTOR = 10
"""After an exact measurement, ten times its duration passes before the next one."""
_SHARED_MEMORY = "dev/shm"


class MemoryMeter:
    """Measures cheaply as long as that is enough, and exactly when it is not; all amounts in bytes.

    The sum of all resident sizes counts a shared page once for each process, so that it is never too small. Only when the sum
    is above what is asked about are the processes' proportional sizes read (`smaps_rollup`), which takes the kernel time in
    proportion to their memory.
    """

    def __init__(self) -> None:
        self._next_exact = 0.0
        self._exact = 0

    def measure(self, processes: Sequence[psutil.Process], enough: int) -> int:
        """What the processes use: exact, or a smaller amount, when it is above `enough`; otherwise an upper bound."""
        resident = sum(map(_resident, processes)) + _in_shared_memory(processes)
        if resident <= enough:
            return resident
        now = time.monotonic()
        if now >= self._next_exact:
            self._exact = _proportional(processes, resident, now + _MOST_SECONDS)
            after = time.monotonic()
            self._next_exact = after + _PAUSE_FACTOR * (after - now)
        return min(resident, self._exact)


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _proportional(processes: Sequence[psutil.Process], resident: int, until: float) -> int:
    """The sum of the proportional sizes; `resident` where the kernel does not tell them."""
    total = mapped_files = known = 0
    for process in processes:
        if time.monotonic() > until:
            break
        with contextlib.suppress(OSError, ValueError):
            amounts = _rollup(process.pid)
            total += amounts["Pss"]
            mapped_files += amounts.get("Pss_Shmem", 0)
            known += 1
    # A file in /dev/shm that is mapped is in both amounts; one that is only written is in the second alone.
    return total + max(0, _in_shared_memory(processes) - mapped_files) if known else resident


def _rollup(pid: int) -> dict[str, int]:
    """The amounts in `/proc/PID/smaps_rollup`, by name."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines()[1:]
    fields = (line.split() for line in lines)
    return {name.rstrip(":"): int(amount) << 10 for name, amount, *_ in fields}


def _in_shared_memory(processes: Sequence[psutil.Process]) -> int:
    """What lies in the /dev/shm of these processes, where they have one of their own."""
    with contextlib.suppress(OSError, IndexError):
        theirs, ours = Path(f"/proc/{processes[-1].pid}/root", _SHARED_MEMORY), Path("/", _SHARED_MEMORY)
        if theirs.stat().st_dev != ours.stat().st_dev:
            usage = os.statvfs(theirs)
            return (usage.f_blocks - usage.f_bfree) * usage.f_frsize
    return 0
