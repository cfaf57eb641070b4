"""The `upload` container beside a script: follows one attempt to its end, and records how it ended.

The script reaches nothing of this container. What the attempt took, what it left and how it ended is measured, digested and
written here; the runner only says when its script began and how it ended. An outage of the store delays the upload and
nothing else.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jinsu.errors import ConflictError, PermanentError, StepFailedError, TransientError
from jinsu.steps.pod_context import PodContext
from jinsu.steps.pod_layout import LINE_SOCKET
from jinsu.steps.record import AttemptEnd
from jinsu.steps.result import StepResult
from jinsu.steps.runner_line import RunnerLine, RunnerReport
from jinsu.steps.status import Phase
from jinsu.steps.uploader import Uploader

log = logging.getLogger("jinsu.upload")

_FAST, _SLOW = 0.2, 1.0
_FAST_SECONDS = 20.0
_LAST_ROUND = 20.0
_KILLED = "its process was killed; a retry resumes from the last checkpoint."
_Answer = TypeVar("_Answer")


class StopRequest:
    """Whether Kubernetes asked the container to stop.

    A signal handler may call `receive` at any moment. That is why this is no `threading.Event`: its lock is not reentrant, so
    a second signal inside `set` would wait forever.
    """

    def __init__(self, received: bool = False) -> None:
        self.received = received

    def receive(self) -> None:
        self.received = True


def upload_attempt(context: PodContext, line: RunnerLine, stop: StopRequest) -> AttemptEnd:
    """Uploads until the script is over; returns how the attempt ended."""
    uploader = _retry_until_stored(lambda: Uploader(context.store, context.record, context.files))
    began, problem = time.monotonic(), ""
    watch = _RunnerWatch(line)
    while not watch.is_over(stop):
        try:
            uploader.sync()
            problem = ""
        except TransientError as trouble:
            problem = _log_if_new(problem, str(trouble))
        time.sleep(_FAST if time.monotonic() - began < _FAST_SECONDS else _SLOW)
    line.close()
    return _finish(context, uploader, line.report)


class _RunnerWatch:
    """Whether nothing more is to be expected from the runner."""

    def __init__(self, line: RunnerLine) -> None:
        self._line = line
        self._stopping_since: float | None = None

    def is_over(self, stop: StopRequest) -> bool:
        """A stop request leaves a script that runs 20 s for its end."""
        report = self._line.report
        if report.over or not stop.received:
            return report.over
        now = time.monotonic()
        self._stopping_since = self._stopping_since or now
        return not report.connected or now - self._stopping_since > _LAST_ROUND


def _finish(context: PodContext, uploader: Uploader, report: RunnerReport) -> AttemptEnd:
    """The last round. What decides is written last: how the attempt ended, then the result."""
    _retry_until_stored(lambda: uploader.sync(last=True))
    end, result = _sealed(context, uploader, report)
    _retry_until_stored(lambda: context.record.write_end(end))
    if result is not None:
        _retry_until_stored(lambda: _write_result(context, result))
    return end


def _sealed(context: PodContext, uploader: Uploader, report: RunnerReport) -> tuple[AttemptEnd, StepResult | None]:
    """How the attempt ended, and after a good end the result, whose outputs are uploaded then."""
    if report.end is None:
        return AttemptEnd(context.attempt, Phase.FAILED, _KILLED, interrupted=True), None
    if report.end.phase is not Phase.DONE:
        return AttemptEnd(context.attempt, Phase.FAILED, report.end.message, report.end.interrupted), None
    step = _retry_until_stored(context.record.read_step)
    try:
        if step is None:
            raise StepFailedError("its specification is gone from the object store; submit again.")
        required = step.labels.get("requires", "")
        outputs = _retry_until_stored(lambda: uploader.upload_outputs(required))
    except PermanentError as problem:
        return AttemptEnd(context.attempt, Phase.FAILED, str(problem)), None
    seconds, gpus = round(report.seconds, 3), step.limits.gpu
    result = StepResult(context.run_key, outputs, seconds, round(seconds * gpus, 3), report.end.peak_memory)
    return AttemptEnd(context.attempt, Phase.DONE, ""), result


def _write_result(context: PodContext, result: StepResult) -> None:
    """Seals the step. The store may have taken the result although its answer got lost, and then refuses a second one."""
    try:
        context.record.write_result(result)
    except ConflictError:
        if context.record.read_result() is None:
            raise


def _retry_until_stored(call: Callable[[], _Answer]) -> _Answer:
    """Repeats the call until the store answers; the pod's deadline is the only limit."""
    last_problem, pause = "", 0.5
    while True:
        try:
            return call()
        except TransientError as problem:
            last_problem = _log_if_new(last_problem, str(problem))
            time.sleep(pause)
            pause = min(30.0, pause * 2)


def _log_if_new(last_problem: str, problem: str) -> str:
    if problem != last_problem:
        log.warning("%s", problem)
    return problem


def main() -> None:
    """Entry point of the `upload` container: `python -m jinsu.steps.upload`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(
        logging.WARNING
    )  # an address that is signed is a secret for as long as it is valid
    stop = StopRequest()
    signal.signal(signal.SIGTERM, lambda *_: stop.receive())
    line = RunnerLine(Path(os.environ.get("JINSU_LINE", LINE_SOCKET)))  # first of all: the runner waits for it
    context = PodContext.from_environment()
    try:
        end = upload_attempt(context, line, stop)
    except Exception as problem:  # whatever a script did to its files, the record must say how the attempt ended
        log.exception("the uploader failed")
        end = AttemptEnd(context.attempt, Phase.FAILED, f"its files could not be kept: {problem}.")
        _retry_until_stored(lambda: context.record.write_end(end))
    log.info("%s %s", end.phase, end.message)


if __name__ == "__main__":
    main()
