"""The runner beside a researcher's process: one attempt of a step, from its specification to its result.

A launcher starts one runner for each attempt, detached from itself; the runner uses the step's files and nothing else. The
researcher's process sees no credential: its environment is built from a list of harmless names.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from jinsu.sdk.step_files import OUT_NAME, StepFiles
from jinsu.steps.local_attempt import LocalAttempt, is_current
from jinsu.steps.lock import take
from jinsu.steps.result import read_result, seal
from jinsu.steps.runner_state import RunnerState, write_state
from jinsu.steps.script_process import Cancelled, run_script
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase

_RESERVE_BYTES = 64 * 1024
_INTERRUPTED = "it was stopped from outside; a retry resumes from the last checkpoint."


class Interrupted(Exception):
    """The machine stops the runner (SIGTERM); a retry helps."""


class Superseded(Exception):
    """Another attempt of the step was started, so this runner must not write anything more."""


def main() -> None:
    """Entry point: `python -m jinsu.steps.runner STEP_DIR [ATTEMPT]`; the local launcher gives the second."""
    files = StepFiles(Path(sys.argv[1]))
    attempt = LocalAttempt.from_json(sys.argv[2]) if len(sys.argv) > 2 else None
    with files.lock.open("w") as lock:
        if not take(lock):
            return  # another runner holds this step
        step = StepSpec.from_json(files.step.read_text(encoding="utf-8"))
        if read_result(files.root, step.run_key) is None:
            with contextlib.suppress(Superseded):
                _run(step, files, attempt)


def _run(step: StepSpec, files: StepFiles, attempt: LocalAttempt | None) -> None:
    """Runs the attempt and writes how it ended. Raises Superseded, and nothing else."""
    started = time.time()

    check = partial(_check, files, attempt)

    def write(phase: Phase, message: str = "", interrupted: bool = False) -> None:
        check()
        if phase is not Phase.RUNNING:
            files.secrets.unlink(missing_ok=True)
            files.reserve.unlink(missing_ok=True)
        if phase not in (Phase.RUNNING, Phase.DONE):
            files.result.unlink(missing_ok=True)  # a script may have written one itself
        write_state(files, RunnerState(phase, message, os.getpid(), started, interrupted))

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        files.reserve.write_bytes(b"\0" * _RESERVE_BYTES)
        write(Phase.RUNNING)
        end = run_script(step, files, attempt, check)
        problem = end.problem or _missing_output(files, step)
        if problem:
            write(Phase.FAILED, problem, end.interrupted)
            return
        check()
        seal(files.root, step.run_key, end.seconds, end.seconds * step.limits.gpu, end.peak_memory)
        write(Phase.DONE)
    except Cancelled as reason:
        write(Phase.CANCELLED, str(reason))
    except Interrupted:
        write(Phase.FAILED, _INTERRUPTED, interrupted=True)
    except Superseded:
        raise
    except Exception as problem:  # whatever it is, a person must be able to read it
        with contextlib.suppress(OSError):
            write(Phase.FAILED, _explain(problem))


def _check(files: StepFiles, attempt: LocalAttempt | None) -> None:
    if attempt is not None and not is_current(files, attempt.id):
        raise Superseded


def _interrupt(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: the way out must not be interrupted too
    raise Interrupted


def _explain(problem: Exception) -> str:
    if isinstance(problem, FileNotFoundError):
        return f"cannot start {problem.filename!r}: there is no such program; check train.command."
    if isinstance(problem, OSError) and problem.strerror:
        return f"the machine refused: {problem.strerror}; free disk space or memory, then submit again."
    return str(problem) or type(problem).__name__


def _missing_output(files: StepFiles, step: StepSpec) -> str:
    required = step.labels.get("requires", "")
    if required and not (files.out / required).is_file():
        return (
            f"the script ended without saving a model (no {OUT_NAME}/{required}); "
            "call jinsu.save(model, example) before it ends."
        )
    return ""


if __name__ == "__main__":
    main()
