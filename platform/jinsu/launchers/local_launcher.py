"""The launcher of one machine: a runner for each attempt, in a process group of its own, found again by its files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from jinsu.errors import TransientError
from jinsu.files import write_atomic
from jinsu.launchers.launcher import LOG_BYTES, METRICS_BYTES
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.confinement import confinement
from jinsu.steps.destinations import PYTHON_INDEX
from jinsu.steps.environment import runner_environment
from jinsu.steps.inputs import bring_inputs
from jinsu.steps.local_attempt import LocalAttempt, make_current
from jinsu.steps.lock import held
from jinsu.steps.processes import end_processes_of
from jinsu.steps.result import read_result
from jinsu.steps.runner_state import RunnerState, read_state, write_state
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import TERMINAL, Phase, StepStatus
from jinsu.steps.utf8 import unfinished_bytes

_START_SECONDS = 20.0


class LocalLauncher:
    """Steps live in `root/RUN_KEY`, beside the other objects. The caller limits how many run at once (a pool in Airflow).

    Where bubblewrap works, a script sees nothing of the machine but programs, libraries and its own step.
    """

    def __init__(
        self,
        root: Path,
        home: Path | None = None,
        shown: Sequence[Path] = (),
        egress: Mapping[str, Sequence[str]] | None = None,
        wheels: Sequence[str] = (),
    ) -> None:
        """home: the installation's folder, which no script sees. shown: folders that every script sees and may write to.

        egress: destinations by the name that a step may use for them; any other name stands for a host.
        wheels: folders that the steps which build environments may read.
        """
        self._wheels = tuple(wheels)
        self._egress = egress or {}
        self._root = root
        self._hidden = (str(root.parent), *([str(home)] if home else []))
        self._shown = tuple(map(str, shown))

    def files(self, run_key: str) -> StepFiles:
        return StepFiles(self._root / run_key)

    def start(self, step: StepSpec) -> StepStatus:
        files = self.files(step.run_key)
        if read_result(files.root, step.run_key) is not None:
            return self.status(step.run_key)
        files.root.mkdir(parents=True, exist_ok=True)
        earlier_cancel = _stamp(files.cancel)
        with files.start_lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not held(files.lock) and read_result(files.root, step.run_key) is None:
                if _stamp(files.cancel) == earlier_cancel:  # a cancel that came since then is this attempt's
                    files.cancel.unlink(missing_ok=True)
                attempt = self._attempt(step)
                self._prepare(step, files, attempt)
                self._spawn(files, attempt)
        return self.status(step.run_key)

    def status(self, run_key: str) -> StepStatus:
        files = self.files(run_key)
        state, alive = _observe(files)
        result = read_result(files.root, run_key)
        if result is not None and not alive:
            return StepStatus(Phase.DONE, f"ran {result.seconds:.1f} s", result)
        if state is None:
            return StepStatus(Phase.STARTING if alive else Phase.ABSENT)
        if alive:
            # The runner is about to leave. Until it has left, a reader that starts the step again would find it alive.
            return StepStatus(Phase.RUNNING if state.phase in TERMINAL else state.phase, state.message)
        if state.phase in (Phase.FAILED, Phase.CANCELLED):
            return StepStatus(state.phase, state.message, interrupted=state.interrupted)
        if state.phase is Phase.STARTING and time.time() - state.started < _START_SECONDS:
            return StepStatus(Phase.STARTING)
        _forget_secrets(files)
        return StepStatus(
            Phase.FAILED,
            "its runner was killed before the script ended; a retry resumes from the last checkpoint.",
            interrupted=True,
        )

    def cancel(self, run_key: str, reason: str) -> None:
        files = self.files(run_key)
        if files.root.is_dir():
            write_atomic(files.cancel, reason)
        if not held(files.lock) and read_result(files.root, run_key) is None and files.root.is_dir():
            end_processes_of(files.root)
            files.secrets.unlink(missing_ok=True)
            write_state(files, RunnerState(Phase.CANCELLED, reason, started=time.time()))

    def logs(self, run_key: str, offset: int) -> tuple[str, int]:
        try:
            with self.files(run_key).log.open("rb") as log:
                log.seek(offset)
                chunk = log.read(LOG_BYTES)
        except FileNotFoundError:
            return "", offset
        more = len(chunk) == LOG_BYTES or held(self.files(run_key).lock)
        unfinished = unfinished_bytes(chunk) if more else 0
        whole = chunk[: len(chunk) - unfinished]
        return whole.decode(errors="replace"), offset + len(whole)

    def metrics(self, run_key: str, offset: int) -> bytes:
        try:
            with self.files(run_key).metrics.open("rb") as stream:
                stream.seek(offset)
                return stream.read(METRICS_BYTES)
        except FileNotFoundError:
            return b""

    def alive(self) -> list[str]:
        """Run keys of all steps whose runner lives."""
        if not self._root.is_dir():
            return []
        return [folder.name for folder in self._root.iterdir() if held(StepFiles(folder).lock)]

    def interrupt(self) -> None:
        """Kills every runner with its step's processes, as a power cut would: the next start resumes each step."""
        for key in self.alive():
            files = self.files(key)
            state = read_state(files)
            if state is not None and state.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(state.pid, signal.SIGKILL)
            end_processes_of(files.root)
            files.secrets.unlink(missing_ok=True)

    def _attempt(self, step: StepSpec) -> LocalAttempt:
        """A new attempt. It is confined wherever that is possible."""
        readable = self._wheels if PYTHON_INDEX in step.egress else ()
        return LocalAttempt(uuid4().hex, not confinement(), self._shown, self._hidden, readable)

    def _prepare(self, step: StepSpec, files: StepFiles, attempt: LocalAttempt) -> None:
        try:
            # First the fence, then the rest: a runner that was thought dead could write into what is made anew.
            make_current(files, attempt.id)
            end_processes_of(files.root)
            files.result.unlink(missing_ok=True)
            reached = tuple(entry for name in step.egress for entry in self._egress.get(name, (name,)))
            bring_inputs(replace(step, egress=reached), files, lambda name: self._root.parent / name)
            write_state(files, RunnerState(Phase.STARTING, started=time.time()))
        except OSError as problem:
            raise TransientError(
                f"{files.root}: cannot be prepared: {problem.strerror}; free disk space, it is tried again.",
                30,
            ) from problem

    def _spawn(self, files: StepFiles, attempt: LocalAttempt) -> None:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "jinsu.steps.runner", str(files.root), attempt.to_json()],
            cwd=files.root,
            env=runner_environment(files.root, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=files.runner_errors.open("ab"),
            start_new_session=True,
        )
        patience = time.monotonic() + _START_SECONDS
        while time.monotonic() < patience:
            state = read_state(files)
            if state is not None and state.phase is not Phase.STARTING:
                return
            time.sleep(0.02)
        raise TransientError(f"{files.root}: its runner did not start within {_START_SECONDS:g} s; it is tried again.")


def _forget_secrets(files: StepFiles) -> None:
    """Removes what a runner that was killed could not remove, unless another attempt is being started."""
    if files.secrets.exists():
        with files.start_lock.open("w") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not held(files.lock):
                files.secrets.unlink(missing_ok=True)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tells two files of the same name apart; None for a file that is missing."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _observe(files: StepFiles) -> tuple[RunnerState | None, bool]:
    """The runner's state and whether the runner lives, both at one moment: a state that changes meanwhile is read again."""
    while True:
        before, alive, after = read_state(files), held(files.lock), read_state(files)
        if before == after:
            return after, alive
