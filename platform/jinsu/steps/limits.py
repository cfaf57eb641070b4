"""The limits of a running script: which one is broken, and whether the kernel killed a process for memory."""

from __future__ import annotations

import contextlib
import resource
import time
from pathlib import Path

from jinsu.steps.descendants import usage
from jinsu.steps.spec import Limits
from jinsu.steps.status import out_of_memory_message

_CGROUP_EVENTS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


class LimitWatch:
    """Compares what the descendants of this process use with the step's limits; remembers the most memory seen."""

    def __init__(self, limits: Limits, began: float) -> None:
        """began: when the script started, on the clock of `time.monotonic`."""
        self._limits, self._began = limits, began
        self.peak_memory = 0

    def broken_limit(self) -> str:
        """The sentence about the first limit that is broken now; empty when none is."""
        limits = self._limits
        if time.monotonic() - self._began > limits.seconds:
            return f"ran longer than {limits.seconds / 3600:g} h; raise train.resources.hours or train less."
        used = usage()
        self.peak_memory = max(self.peak_memory, used.memory)
        if used.memory > limits.memory:
            return out_of_memory_message(limits.memory, used.memory)
        if used.processes > limits.processes:
            return f"started {used.processes} processes, the limit is {limits.processes}; start fewer workers."
        return ""


def limit_this_process(limits: Limits) -> None:
    """The limits that the kernel enforces on one process; runs in the child, before the script. No core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))


def kills_for_memory() -> int:
    """How many processes of this container the kernel has killed because its memory was used up (cgroup v2 and v1)."""
    for path in _CGROUP_EVENTS:
        with contextlib.suppress(OSError):
            for name, _, value in (line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines()):
                if name == "oom_kill":
                    return int(value)
    return 0
