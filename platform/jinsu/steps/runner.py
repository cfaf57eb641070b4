"""The runner beside a researcher's process: one attempt of a step, from its specification to its end.

A launcher starts one runner for each attempt, detached from itself; the runner uses the step's files and nothing else. The
researcher's process sees no credential: its environment is built from a list of harmless names.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from jinsu.sdk.step_files import StepFiles
from jinsu.steps.local_attempt import LocalAttempt, is_current
from jinsu.steps.lock import take
from jinsu.steps.reporting import FileReporter, Reporter, RunnerEnd
from jinsu.steps.result import read_result
from jinsu.steps.runner_line import LineReporter, hide_this_process
from jinsu.steps.script_process import Cancelled, run_script
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase, no_output_message

_INTERRUPTED = "it was stopped from outside; a retry resumes from the last checkpoint."


class Interrupted(Exception):
    """The machine stops the runner (SIGTERM); a retry helps."""


class Superseded(Exception):
    """Another attempt of the step was started, so this runner must not write anything more."""


def main() -> None:
    """Entry point: `python -m jinsu.steps.runner STEP_DIR [ATTEMPT]` on one machine, `… STEP_DIR --line SOCKET` in a pod."""
    files, more = StepFiles(Path(sys.argv[1])), sys.argv[2:]
    if more[:1] == ["--line"]:
        _run_in_pod(files, Path(more[1]))
    else:
        _run_here(files, LocalAttempt.from_json(more[0]) if more else None)


def _run_here(files: StepFiles, attempt: LocalAttempt | None) -> None:
    with files.lock.open("w") as lock:
        if not take(lock):
            return  # another runner holds this step
        step = StepSpec.from_json(files.step.read_text(encoding="utf-8"))
        if read_result(files.root, step.run_key) is None:
            with contextlib.suppress(Superseded):
                check = partial(_check, files, attempt)
                _run(step, files, FileReporter(step, files, check), attempt, check)
                shutil.rmtree(files.inputs, ignore_errors=True)  # copies, which nobody needs any more


def _run_in_pod(files: StepFiles, line: Path) -> None:
    """The pod holds one runner, and its uploader keeps the state, so there is no lock and no file of either."""
    hide_this_process()
    step = StepSpec.from_json(files.step.read_text(encoding="utf-8"))
    _run(step, files, LineReporter.connect(line))


def _run(
    step: StepSpec,
    files: StepFiles,
    reporter: Reporter,
    attempt: LocalAttempt | None = None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Runs the attempt and reports how it ended. Raises Superseded, and nothing else. check: raises Superseded."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        reporter.started()
        end = run_script(step, files, attempt, check)
        problem = end.problem or _missing_output(files, step)
        phase = Phase.FAILED if problem else Phase.DONE
        reporter.ended(RunnerEnd(phase, problem, end.interrupted, end.seconds, end.peak_memory))
    except Cancelled as reason:
        reporter.ended(RunnerEnd(Phase.CANCELLED, str(reason)))
    except Interrupted:
        reporter.ended(RunnerEnd(Phase.FAILED, _INTERRUPTED, interrupted=True))
    except Superseded:
        raise
    except Exception as problem:  # whatever it is, a person must be able to read it
        with contextlib.suppress(OSError):
            reporter.ended(RunnerEnd(Phase.FAILED, _explain(problem)))


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
    return no_output_message(required) if required and not (files.out / required).is_file() else ""


if __name__ == "__main__":
    main()
