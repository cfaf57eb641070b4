"""The limits of a running script: which one is broken, which one ended it, and whether the kernel killed for memory."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import stat
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from jinsu.spec.quantities import format_bytes
from jinsu.steps.memory import MemoryMeter
from jinsu.steps.spec import Limits, StepKind
from jinsu.steps.status import out_of_memory_message

_KILLS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
    Path("/proc/vmstat"),  # of the whole machine; for one that limits no container
)
_LESS_TIME = {
    StepKind.TRAINING: "raise train.resources.hours or train less",
    StepKind.PLATFORM: "send less data, fewer expectations or a smaller model",
}
_TOO_LARGE = os.strerror(errno.EFBIG)


class LimitWatch:
    """Compares what the script's processes use with the step's limits; remembers the most memory seen."""

    def __init__(self, limits: Limits, began: float, kind: StepKind = StepKind.TRAINING) -> None:
        """began: when the script started, on the clock of `time.monotonic`. kind: decides what a person is advised to do."""
        self._limits, self._began, self._kind = limits, began, kind
        self._meter = MemoryMeter()
        self.peak_memory = 0

    def broken_limit(self, processes: Sequence[psutil.Process]) -> str:
        """The sentence about the first limit that is broken now; empty when none is."""
        limits = self._limits
        if time.monotonic() - self._began > limits.seconds:
            return f"ran longer than {_duration(limits.seconds)}; {_LESS_TIME[self._kind]}."
        if len(processes) > limits.processes:
            return f"started {len(processes)} processes, the limit is {limits.processes}; start fewer workers."
        # The peak of several processes is measured exactly too, because a person reads it.
        enough = limits.memory if len(processes) == 1 else min(limits.memory, self.peak_memory)
        used = self._meter.measure(processes, enough)
        self.peak_memory = max(self.peak_memory, used)
        return out_of_memory_message(limits.memory, used, self._kind) if used > limits.memory else ""


def limit_this_process(limits: Limits) -> None:
    """The limits that the kernel enforces on one process; runs in the child, before the script. No core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))


def file_size_problem(limits: Limits, code: int, last_words: str, folders: Iterable[Path]) -> str:
    """The sentence about a file that reached the size limit and so ended the script; empty when none did.

    code: the script's exit code, negative for a signal. The kernel sends SIGXFSZ; a program that ignores the signal, as
    Python does, gets an error instead, which it may report in words of its own. So a file of just that size counts too.
    """
    if code == 0:
        return ""
    file = _file_of_at_least(limits.output_bytes, folders)
    if not file and code != -signal.SIGXFSZ and _TOO_LARGE not in last_words:
        return ""
    return (
        f"{file or 'a file'} reached the limit of {format_bytes(limits.output_bytes)} for one file; "
        "write smaller files, or several."
    )


def _file_of_at_least(size: int, folders: Iterable[Path]) -> str:
    """The first file of that size, by its name from the folder on; links are not followed."""
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    path = Path(parent, name)
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_size >= size:
                        return path.relative_to(folder.parent).as_posix()
    return ""


def kills_for_memory() -> int:
    """How many processes of this container, or else of this machine, the kernel has killed because memory was used up."""
    for path in _KILLS:
        with contextlib.suppress(OSError):
            for name, _, value in (line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines()):
                if name == "oom_kill":
                    return int(value)
    return 0


def _duration(seconds: float) -> str:
    return (
        f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
    )
