"""Folders of steps that are done, and cheap steps that are done in this very process.

A cheap step has the same identity and the same `result.json` as a launched one.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from jinsu.codec import decode
from jinsu.errors import TransientError
from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import RESULT_NAME, StepFiles
from jinsu.steps.result import StepResult, read_result, seal

_Document = TypeVar("_Document")


@dataclass(frozen=True)
class StepFolders:
    """Steps among the objects: `steps/RUN_KEY/` with `result.json` and `out/`."""

    objects: Mirror

    def out(self, run_key: str) -> Path:
        """The outputs of a step that is done, brought here if need be; the folder is missing when the step is not done."""
        return StepFiles(self._folder(run_key)).out

    def result(self, run_key: str, *, verify: bool = False) -> StepResult | None:
        """The step's result, or None when it is not done; `verify` compares the digests of all outputs."""
        return read_result(self._folder(run_key), run_key, verify=verify)

    def document(self, kind: type[_Document], run_key: str, name: str) -> _Document:
        """A JSON output of a step that is done."""
        return decode(kind, json.loads((self.out(run_key) / name).read_text(encoding="utf-8")))

    def inline(self, run_key: str, work: Callable[[Path], None]) -> Path:
        """The outputs of a step: found, or made by `work(out)` in a draft folder that is renamed once it is sealed.

        Of several processes on one machine one does the step, and the others find it done: two that publish it at once
        would leave some files of the one and some of the other in the store.
        """
        with self._alone(run_key):
            return self._inline(run_key, work)

    def _inline(self, run_key: str, work: Callable[[Path], None]) -> Path:
        root = self._folder(run_key)
        out = StepFiles(root).out
        if read_result(root, run_key) is not None:
            return out
        draft = StepFiles(root.with_name(f".draft-{uuid4().hex}"))
        try:
            draft.out.mkdir(parents=True)
            began = time.monotonic()
            work(draft.out)
            seal(draft.root, run_key, time.monotonic() - began)
            _put(draft.root, root, run_key)
            self.objects.publish(_name(run_key), RESULT_NAME)
        except OSError as problem:
            if read_result(root, run_key) is not None:
                return out  # another process finished the same step first
            reason = problem.strerror or problem
            raise TransientError(
                f"{root}: the result cannot be written: {reason}; free disk space, it is tried again.", 30
            ) from problem
        finally:
            shutil.rmtree(draft.root, ignore_errors=True)
        return out

    @contextmanager
    def _alone(self, run_key: str) -> Iterator[None]:
        """Waits for every other process of this machine that does this step. Steps share 256 locks, so that few files lie here."""
        steps = self.objects.root / _name("")
        steps.mkdir(parents=True, exist_ok=True)
        with (steps / f".lock-{run_key[:2]}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _folder(self, run_key: str) -> Path:
        return self.objects.folder(_name(run_key), RESULT_NAME)


def _put(draft: Path, root: Path, run_key: str) -> None:
    """Gives the folder of a step its draft. Raises OSError when another process gave it one: that one may be in use."""
    try:
        draft.replace(root)
    except OSError:
        if read_result(root, run_key) is not None or not root.exists():
            raise
        shutil.rmtree(root)
        draft.replace(root)


def _name(run_key: str) -> str:
    return f"steps/{run_key}"
