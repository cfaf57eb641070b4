"""The script's process: started with limits, confined or not, followed to its end, and ended with all of its descendants."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinsu.errors import StepFailedError
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.descendants import adopt_orphans, end_descendants, living_descendants
from jinsu.steps.environment import script_environment
from jinsu.steps.limits import LimitWatch, file_size_problem, kills_for_memory, limit_this_process
from jinsu.steps.local_attempt import LocalAttempt
from jinsu.steps.processes import end_processes_of
from jinsu.steps.sandbox import SEEN, SEEN_SCRATCH, Sandbox, start_confined
from jinsu.steps.scratch import scratch_folder
from jinsu.steps.script_log import ScriptLog
from jinsu.steps.spec import StepKind, StepSpec
from jinsu.steps.status import REFUSED, TRY_AGAIN, out_of_memory_message

_TICK = 0.2
_CHUNK = 65536
_HIGHEST_SIGNAL = 64
_CANNOT_START = re.compile(r"bwrap: execvp (.*): ([^:]*)")


@dataclass(frozen=True)
class ScriptEnd:
    """How a script ended.

    problem: a sentence for a person, empty when the script ended well. seconds: how long it ran. peak_memory: the most
    memory that its processes used together, in bytes. interrupted: it may do better when it is started again.
    """

    problem: str
    seconds: float
    peak_memory: int
    interrupted: bool = False


class Cancelled(Exception):
    """A person cancelled the step; the text is the reason."""


@dataclass(frozen=True)
class _Started:
    process: subprocess.Popen[bytes]
    sandbox: Sandbox | None

    @property
    def wrapper(self) -> int | None:
        """The process that is not the script's own."""
        return None if self.sandbox is None else self.process.pid


def run_script(
    step: StepSpec, files: StepFiles, attempt: LocalAttempt | None = None, check: Callable[[], None] = lambda: None
) -> ScriptEnd:
    """Runs the step's command in its folder and waits for the end of it and of every process that it started.

    attempt: says whether and how the script is confined; None where something else confines it. check: called five times
    a second; what it raises ends the script.

    Raises Cancelled when the step is cancelled meanwhile, OSError when the command cannot be started, and StepFailedError
    when it cannot be confined.
    """
    adopt_orphans()
    check()
    end_processes_of(files.root)  # of a runner that was killed
    _prepare_folders(files)
    confined = attempt is not None and attempt.confined
    began, killed_before = time.monotonic(), kills_for_memory()
    watch = LimitWatch(step.limits, began, step.kind)
    with scratch_folder(files.root, seen_elsewhere=confined) as scratch, files.log.open("ab") as stream:
        log = ScriptLog(stream, step.limits.log_bytes)
        started = _start(step, files, attempt, scratch)
        try:
            problem = _follow(started, log, watch, files.cancel, check)
        finally:
            end_descendants(started.wrapper)
        code = _exit_code(started, log, problem)
        if code in (-signal.SIGKILL, 128 + signal.SIGKILL) and not problem and kills_for_memory() > killed_before:
            problem = out_of_memory_message(step.limits.memory, kind=step.kind)
        again = step.kind is StepKind.PLATFORM and code == TRY_AGAIN and not problem
        folders = (files.out, files.checkpoints, files.inputs, scratch)
        problem = problem or file_size_problem(step.limits, code, log.last_words(), folders)
    problem = problem or _exit_problem(step.kind, code, log)
    return ScriptEnd(problem, time.monotonic() - began, watch.peak_memory, again)


def _prepare_folders(files: StepFiles) -> None:
    for folder in (files.out, files.checkpoints):
        folder.mkdir(exist_ok=True)
    # Half-written outputs of an attempt that died must not pass for this attempt's.
    shutil.rmtree(files.out)
    files.out.mkdir()
    if not any(files.checkpoints.iterdir()):
        files.metrics.unlink(missing_ok=True)  # the script starts from nothing, and so do its metrics
    files.metrics.touch()


def _start(step: StepSpec, files: StepFiles, attempt: LocalAttempt | None, scratch: Path) -> _Started:
    confined = attempt is not None and attempt.confined
    seen, seen_scratch = (SEEN, SEEN_SCRATCH) if confined else (files, scratch)
    environment = script_environment(step, files.root, seen, seen_scratch, os.environ)
    command = _command(step.command)
    if confined:
        assert attempt is not None
        if step.egress:
            from jinsu.steps.egress import VARIABLES

            environment |= VARIABLES
        sandbox = start_confined(
            step, files, scratch, attempt, command, environment, lambda: limit_this_process(step.limits)
        )
        return _Started(sandbox.process, sandbox)
    process = subprocess.Popen(
        command,
        cwd=files.code,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: limit_this_process(step.limits),
    )
    return _Started(process, None)


def _command(command: Sequence[str]) -> list[str]:
    """The command with this Python in the place of any other."""
    program, *arguments = command
    return [sys.executable if program in ("python", "python3") else program, *arguments]


def _follow(started: _Started, log: ScriptLog, watch: LimitWatch, cancel: Path, check: Callable[[], None]) -> str:
    """Copies the script's output to its log until the script ends or a limit is broken; returns the sentence about it."""
    child = started.process
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    next_check = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(_TICK):
                chunk = child.stdout.read(_CHUNK)
                if chunk == b"":
                    selector.unregister(child.stdout)
                elif chunk:
                    log.write(chunk)
            elif not selector.get_map():
                time.sleep(_TICK / 4)
            now = time.monotonic()
            if now >= next_check:
                next_check = now + _TICK
                check()
                _raise_if_cancelled(cancel)
                if problem := watch.broken_limit(living_descendants(started.wrapper)):
                    return problem
            if child.poll() is not None and not selector.select(0):
                return ""
            if child.poll() is not None and not selector.get_map():
                return ""


def _raise_if_cancelled(cancel: Path) -> None:
    if cancel.exists():
        raise Cancelled(cancel.read_text(encoding="utf-8").strip() or "cancelled")


def _exit_code(started: _Started, log: ScriptLog, problem: str) -> int:
    """The script's exit code, negative for a signal. Raises the error of a script that could not be started.

    problem: about a limit that the script broke; such a script was started.
    """
    code = started.process.wait()
    if started.sandbox is None or code < 0:  # whoever kills the sandbox kills the script, also before it begins
        return code
    if not started.sandbox.executed() and not problem:
        words = log.last_words()
        if match := _CANNOT_START.fullmatch(words):
            raise FileNotFoundError(2, match[2], match[1])
        raise StepFailedError(f"the script could not be confined ({words.removeprefix('bwrap: ')}); submit again.")
    # bubblewrap reports a signal as a shell does.
    return 128 - code if 128 < code <= 128 + _HIGHEST_SIGNAL else code


def _exit_problem(kind: StepKind, code: int, log: ScriptLog) -> str:
    if code == 0:
        return ""
    if kind is StepKind.PLATFORM and code in (REFUSED, TRY_AGAIN):
        return log.last_line()
    failure = log.failure() if code > 0 and kind is StepKind.TRAINING else None
    if failure is not None:
        # A script may go on after a traceback, and an error may have several lines.
        went_on = "" if log.last_words() == failure.error else log.quote()
        return f"the script exited with {code}: {failure}{went_on}"
    if code > 0:
        return f"the script exited with {code}{log.quote()}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    return f"the script was killed by {name}{log.quote()}"
