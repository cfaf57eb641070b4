"""What an exception that nobody raised on purpose means for a stage. Pure.

A server that is away comes back, so the stage is tried again. Anything else is an error in the platform's own code, or
something that this code did not expect: doing the stage again would do the same again, a training of hours included.
"""

from __future__ import annotations

import errno
import traceback

import httpx
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jinsu.errors import JinsuError, PermanentError, TransientError
from jinsu.runs.text import clean

_AWAY = (OperationalError, InterfaceError, PoolTimeout, httpx.TransportError, ConnectionError, TimeoutError)
_PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.ESTALE}
)
"""Errors of the operating system that a person or a moment repairs: full disks, too many open files, a lost volume."""
_LONGEST = 300


def known(problem: Exception) -> JinsuError:
    """The problem as one of Jinsu's own errors: itself, a TransientError or a PermanentError with one line of text."""
    if isinstance(problem, JinsuError):
        return problem
    said = f"{type(problem).__name__}: {_line(problem)}".removesuffix(": ")
    if _passes(problem):
        return TransientError(f"{said}; it is tried again.")
    where = f"{_place(problem)}; its traceback is in the log of this stage."
    return PermanentError(f"an error in the platform itself, {said}{where}")


def _passes(problem: Exception) -> bool:
    """Whether a server was away, the machine lacked something, or another process wrote the same row at the same moment."""
    if isinstance(problem, IntegrityError):
        return "unique" in f"{type(problem.orig).__name__} {problem.orig}".lower()
    return isinstance(problem, _AWAY) or (isinstance(problem, OSError) and problem.errno in _PASSING)


def _line(problem: Exception) -> str:
    """The first line of the exception's text. SQLAlchemy's own would go on with the statement and its values."""
    text = str(getattr(problem, "orig", None) or problem).strip()
    return clean(text.partition("\n")[0].strip()[:_LONGEST])


def _place(problem: Exception) -> str:
    """` (jinsu/runs/journal.py, line 42)`: the last line of the platform's code that the exception went through, or ""."""
    for frame in reversed(traceback.extract_tb(problem.__traceback__)):
        before, inside, path = frame.filename.rpartition("/jinsu/")
        if inside and before.endswith(("platform", "site-packages")):
            return f" (jinsu/{path}, line {frame.lineno})"
    return ""
