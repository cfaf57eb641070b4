"""A launcher that starts no process: the test says what becomes of a training; programs of the platform run at once.

It keeps the promises of every launcher; `tests/contract/test_fake_launcher.py` asks the same of it and of a real one.
"""

import copy
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.crash_points import CrashPoints

from jinsu.confined.__main__ import perform
from jinsu.confined.tasks import Task
from jinsu.errors import JinsuError, TransientError
from jinsu.launchers.launcher import METRICS_BYTES
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.inputs import bring_inputs
from jinsu.steps.result import read_result, seal
from jinsu.steps.spec import StepKind, StepSpec
from jinsu.steps.status import WAITING, Phase, StepStatus


@dataclass
class Attempt:
    step: StepSpec
    status: StepStatus
    log: bytes = b""
    metrics: bytes = b""


class FakeLauncher:
    """Steps live in `root/RUN_KEY`, as a real launcher's do. starts: run keys of trainings in the order of
    their attempts.

    before_start: called once, just before the next attempt begins; for what happens at the same moment elsewhere.
    """

    def __init__(self, root: Path, crash: CrashPoints | None = None) -> None:
        self.root, self.crash = root, crash or CrashPoints()
        self.attempts: dict[str, Attempt] = {}
        self.starts: list[str] = []
        self.before_start: Callable[[], None] | None = None

    def take_over(self, other: "FakeLauncher") -> None:
        """Knows the attempts that another launcher knows, and no others; their files are the caller's to copy."""
        self.attempts, self.starts = copy.deepcopy(other.attempts), list(other.starts)
        self.before_start = None

    # --- What every launcher offers ---

    def start(self, step: StepSpec) -> StepStatus:
        self.crash.reach()
        if (call := self.before_start) is not None:
            self.before_start = None
            call()
        if step.kind is StepKind.PLATFORM:
            return self._perform(step)
        status = self.status(step.run_key)
        if status.phase is not Phase.DONE and status.phase not in WAITING:
            files = StepFiles(self.root / step.run_key)
            files.result.unlink(missing_ok=True)
            shutil.rmtree(files.out, ignore_errors=True)
            files.out.mkdir(parents=True)
            self.attempts[step.run_key] = Attempt(step, StepStatus(Phase.RUNNING))
            self.starts.append(step.run_key)
        self.crash.reach()
        return self.status(step.run_key)

    def _perform(self, step: StepSpec) -> StepStatus:
        """A program of the platform is executed for real, at once, in this process."""
        files = StepFiles(self.root / step.run_key)
        if read_result(files.root, step.run_key) is None:
            shutil.rmtree(files.root, ignore_errors=True)
            files.out.mkdir(parents=True)
            try:
                bring_inputs(step, files, lambda name: self.root.parent / name)
                perform(Task(step.name), files)
            except JinsuError as problem:
                passing = isinstance(problem, TransientError)
                self.attempts[step.run_key] = Attempt(step, StepStatus(Phase.FAILED, str(problem), interrupted=passing))
                return self.status(step.run_key)
            except OSError as problem:
                message = f"{problem.strerror}; free disk space, it is tried again."
                self.attempts[step.run_key] = Attempt(step, StepStatus(Phase.FAILED, message, interrupted=True))
                return self.status(step.run_key)
            finally:
                shutil.rmtree(files.inputs)
            self.crash.reach()
            seal(files.root, step.run_key, 0.1)
        self.attempts[step.run_key] = Attempt(step, StepStatus(Phase.DONE))
        self.crash.reach()
        return self.status(step.run_key)

    def status(self, run_key: str) -> StepStatus:
        attempt = self.attempts.get(run_key)
        if attempt is not None and attempt.status.phase in WAITING:
            return attempt.status
        result = read_result(self.root / run_key, run_key)
        if result is not None:
            return StepStatus(Phase.DONE, f"ran {result.seconds:.1f} s", result)
        if attempt is None:
            return StepStatus(Phase.ABSENT)
        if attempt.status.phase is Phase.DONE:
            return StepStatus(Phase.FAILED, "its outputs are gone", interrupted=True)
        return attempt.status

    def cancel(self, run_key: str, reason: str) -> None:
        self.crash.reach()
        attempt = self.attempts.get(run_key)
        if attempt is not None and self.status(run_key).phase is not Phase.DONE:
            attempt.status = StepStatus(Phase.CANCELLED, reason)

    def logs(self, run_key: str, offset: int) -> tuple[str, int]:
        piece = self.attempts[run_key].log[offset:] if run_key in self.attempts else b""
        return piece.decode(), offset + len(piece)

    def metrics(self, run_key: str, offset: int) -> bytes:
        found = self.attempts[run_key].metrics if run_key in self.attempts else b""
        return found[offset : offset + METRICS_BYTES]

    # --- What the script does ---

    def write(self, run_key: str, log: str = "", metrics: bytes = b"") -> None:
        """The script prints, and logs metrics."""
        self.attempts[run_key].log += log.encode()
        self.attempts[run_key].metrics += metrics

    def finish(self, run_key: str, files: Mapping[str, bytes], seconds: float = 1.5, peak_memory: int = 2**20) -> None:
        """The script ends well and leaves these files in `out/`."""
        home = self.root / run_key
        for name, content in files.items():
            path = home / "out" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        seal(home, run_key, seconds, peak_memory=peak_memory)
        self.attempts[run_key].status = StepStatus(Phase.DONE)

    def fail(self, run_key: str, message: str, *, interrupted: bool = False) -> None:
        """The script, or the machine under it, ends badly."""
        self.attempts[run_key].status = StepStatus(Phase.FAILED, message, interrupted=interrupted)
