"""Processes that die in the middle of their work, as SIGKILL ends them: at the Nth change that leaves the process."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinsu.objects.s3 import S3, S3Settings

DIED = 9
FAILED = 10
_CHANGES = ("replace", "rename", "mkdir", "unlink", "rmdir", "fsync")


def child(work: Callable[[], object]) -> int:
    """Does the work in a forked process; its exit code, 0 when the work ended."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # the parent's tests must not go on in the child
            traceback.print_exc()
            os._exit(FAILED)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


class Countdown:
    """Ends the process at the Nth place that it passes."""

    def __init__(self, places: int) -> None:
        self._left = places

    def reach(self) -> None:
        self._left -= 1
        if self._left == 0:
            os._exit(DIED)

    def watch_files(self) -> None:
        """Makes every change of a folder a place, before and after it. For a process that ends soon."""
        for name in _CHANGES:
            setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **more: Any) -> Any:
            self.reach()
            done = change(*arguments, **more)
            self.reach()
            return done

        return watched


class DyingS3(S3):
    """A store's client; each upload and each deletion is a place, before and after it."""

    def __init__(self, settings: S3Settings, countdown: Countdown) -> None:
        super().__init__(settings)
        self._countdown = countdown

    def put(self, path: Path, key: str) -> None:
        self._countdown.reach()
        super().put(path, key)
        self._countdown.reach()

    def write(self, key: str, data: bytes) -> None:
        self._countdown.reach()
        super().write(key, data)
        self._countdown.reach()

    def delete(self, prefix: str) -> None:
        self._countdown.reach()
        super().delete(prefix)
        self._countdown.reach()
