"""The researcher's process: started with limits, followed to its end, and ended with all of its descendants."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinsu.sdk.step_files import StepFiles
from jinsu.steps.descendants import adopt_orphans, end_descendants
from jinsu.steps.environment import script_environment
from jinsu.steps.limits import LimitWatch, kills_for_memory, limit_this_process
from jinsu.steps.processes import end_processes_of
from jinsu.steps.script_log import ScriptLog
from jinsu.steps.spec import StepKind, StepSpec
from jinsu.steps.status import REFUSED, TRY_AGAIN, out_of_memory_message

_TICK = 0.2
_CHUNK = 65536
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # the second when a shell started the process that was killed


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


def run_script(step: StepSpec, files: StepFiles) -> ScriptEnd:
    """Runs the step's command in its folder and waits for the end of it and of every process that it started.

    Raises Cancelled when the step is cancelled meanwhile, and OSError when the command cannot be started.
    """
    adopt_orphans()
    end_processes_of(files.root)  # of a runner that was killed
    _prepare_folders(files)
    began, killed_before = time.monotonic(), kills_for_memory()
    watch = LimitWatch(step.limits, began)
    with files.log.open("ab") as stream:
        log = ScriptLog(stream, step.limits.log_bytes)
        child = subprocess.Popen(
            _command(step.command),
            cwd=files.code,
            env=script_environment(files, step.limits, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: limit_this_process(step.limits),
        )
        try:
            problem = _follow(child, log, watch, files.cancel)
        finally:
            end_descendants()
        code = child.wait()
    shutil.rmtree(files.scratch, ignore_errors=True)
    if code in _KILLED and not problem and kills_for_memory() > killed_before:
        problem = out_of_memory_message(step.limits.memory)
    again = step.kind is StepKind.PLATFORM and code == TRY_AGAIN and not problem
    problem = problem or _exit_problem(step.kind, code, log)
    return ScriptEnd(problem, time.monotonic() - began, watch.peak_memory, again)


def _prepare_folders(files: StepFiles) -> None:
    for folder in (files.out, files.checkpoints, files.scratch):
        folder.mkdir(exist_ok=True)
    # Half-written outputs of an attempt that died must not pass for this attempt's.
    shutil.rmtree(files.out)
    files.out.mkdir()
    if not any(files.checkpoints.iterdir()):
        files.metrics.unlink(missing_ok=True)  # the script starts from nothing, and so do its metrics


def _command(command: Sequence[str]) -> list[str]:
    """The command with this Python in the place of any other."""
    program, *arguments = command
    return [sys.executable if program in ("python", "python3") else program, *arguments]


def _follow(child: subprocess.Popen[bytes], log: ScriptLog, watch: LimitWatch, cancel: Path) -> str:
    """Copies the script's output to its log until the script ends or a limit is broken; returns the sentence about it."""
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
                _raise_if_cancelled(cancel)
                if problem := watch.broken_limit():
                    return problem
            if child.poll() is not None and not selector.select(0):
                return ""
            if child.poll() is not None and not selector.get_map():
                return ""


def _raise_if_cancelled(cancel: Path) -> None:
    if cancel.exists():
        raise Cancelled(cancel.read_text(encoding="utf-8").strip() or "cancelled")


def _exit_problem(kind: StepKind, code: int, log: ScriptLog) -> str:
    if code == 0:
        return ""
    if kind is StepKind.PLATFORM and code in (REFUSED, TRY_AGAIN):
        return log.last_line()
    if code > 0:
        return f"the script exited with {code}{log.quote()}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    hint = "; a single output file may have passed the limit" if -code == signal.SIGXFSZ else ""
    return f"the script was killed by {name}{hint}{log.quote()}"
