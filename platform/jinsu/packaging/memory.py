"""How much memory a model takes while it is loaded and run."""

from __future__ import annotations

import contextlib
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


class MemoryMeter:
    """Measures from its creation on. A kernel that does not reset the peak makes the measured amount larger, never smaller."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
        self._before = _kilobytes("VmRSS")

    def peak(self) -> int:
        """The most bytes of memory that this process has had since then, beyond what it had; 0 where Linux is not."""
        return max(0, _kilobytes("VmHWM") - self._before) * 1024


def peak_of(pid: int) -> int:
    """The most bytes of memory that a process has had; 0 where Linux is not."""
    return _kilobytes("VmHWM", Path(f"/proc/{pid}/status")) * 1024


def _kilobytes(name: str, status: Path = _STATUS) -> int:
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
