"""Killing a process at each of its steps: every change that leaves the process is a place where it could end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from jinsu.state.database import Database


class Killed(BaseException):
    """The process ended here. No code of Jinsu catches this, just as none survives a SIGKILL."""


@dataclass
class CrashPoints:
    """Counts the places that were passed, and kills at one of them. `kill_at` counts from 1; None kills nowhere."""

    passed: int = 0
    kill_at: int | None = None

    def reach(self) -> None:
        """Passes one place. Raises Killed when it is the one to end at."""
        self.passed += 1
        if self.passed == self.kill_at:
            raise Killed

    def begin_anew(self, kill_at: int | None = None) -> None:
        self.passed, self.kill_at = 0, kill_at


class CrashingDatabase(Database):
    """A real database; each transaction is a crash point before it begins, and another once it is committed."""

    def __init__(self, url: str, crash: CrashPoints) -> None:
        super().__init__(url)
        self._crash = crash

    @contextmanager
    def begin(self) -> Iterator[Session]:
        self._crash.reach()
        with super().begin() as session:
            yield session
        self._crash.reach()
