"""How many processor cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_LIMIT_FILE = Path("/sys/fs/cgroup/cpu.max")


def available_cores(limit_file: Path = _LIMIT_FILE) -> int:
    """The cores of this process's affinity, or fewer where a control group gives less time; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = limit_file.read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no control group, or one without a limit, which is called `max`
        return cores
