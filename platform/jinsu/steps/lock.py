"""The lock that a runner holds as long as it lives, and a way to see whether it is held that never takes it."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from pathlib import Path
from typing import IO

# struct flock of the C library: asking with F_GETLK takes nothing. Trying the lock would hold it for a moment, and a runner
# that starts in that moment would believe that another runner lives.
_LINUX = struct.Struct("hhlli")
_MACOS = struct.Struct("qqihh")


def take(file: IO[str]) -> bool:
    """Takes the lock until this process ends; False when another process holds it."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def held(path: Path) -> bool:
    """Whether a process holds the lock. Nobody holds what is missing, or is no regular file that may be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if sys.platform == "darwin":
            question = _MACOS.pack(0, 0, 0, fcntl.F_WRLCK, 0)
            return bool(_MACOS.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, question))[3] != fcntl.F_UNLCK)
        question = _LINUX.pack(fcntl.F_WRLCK, 0, 0, 0, 0)
        return bool(_LINUX.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, question))[0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(descriptor)
