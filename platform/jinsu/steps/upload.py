"""The `upload` container beside a script: follows one attempt to its end, and records how it ended.

Only this container and `stage` hold the store's keys. An outage of the store delays the upload and nothing else.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from typing import TypeVar

from jinsu.errors import JinsuError, TransientError
from jinsu.sdk.step_files import OUT_NAME, StepFiles
from jinsu.steps.lock import held
from jinsu.steps.pod_context import PodContext
from jinsu.steps.record import AttemptEnd
from jinsu.steps.result import StepResult
from jinsu.steps.runner_state import RunnerState, read_state
from jinsu.steps.safe_open import is_safe_name, read_regular
from jinsu.steps.status import TERMINAL, Phase
from jinsu.steps.uploader import Uploader

log = logging.getLogger("jinsu.upload")

_FAST, _SLOW = 0.2, 1.0
_FAST_SECONDS = 20.0
_SILENCE = 3.0
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


def upload_attempt(context: PodContext, stop: StopRequest) -> AttemptEnd:
    """Uploads until the script is over; returns how the attempt ended."""
    uploader = _retry_until_stored(lambda: Uploader(context.store, context.record, context.files))
    began, problem = time.monotonic(), ""
    watch = _RunnerWatch(context.files)
    while not watch.is_over(stop):
        try:
            uploader.sync()
            problem = ""
        except TransientError as trouble:
            problem = _log_if_new(problem, str(trouble))
        time.sleep(_FAST if time.monotonic() - began < _FAST_SECONDS else _SLOW)
    return _finish(context, uploader, watch)


class _RunnerWatch:
    """Whether the runner is over: it has let go of the lock and written how it ended, or never will."""

    def __init__(self, files: StepFiles) -> None:
        self._files = files
        self._silent_since: float | None = None
        self._stopping_since: float | None = None

    def state(self) -> RunnerState | None:
        return read_state(self._files)

    def is_over(self, stop: StopRequest) -> bool:
        """Whether nothing more is to be waited for. A stop request leaves the script 20 s for its end."""
        now, alive, state = time.monotonic(), held(self._files.lock), self.state()
        if stop.received and self._stopping_since is None:
            self._stopping_since = now
        if self._stopping_since is not None and now - self._stopping_since > _LAST_ROUND:
            return True
        if alive or state is None:
            self._silent_since = None
            return stop.received and state is None
        if state.phase in TERMINAL:
            return True
        self._silent_since = self._silent_since or now
        return now - self._silent_since > _SILENCE


def _finish(context: PodContext, uploader: Uploader, watch: _RunnerWatch) -> AttemptEnd:
    """The last round. What decides is written last: how the attempt ended, then the result."""
    state = watch.state()
    result = _sealed_result(context)
    _retry_until_stored(lambda: uploader.sync(last=True))
    end = _attempt_end(context, uploader, state, result)
    _retry_until_stored(lambda: context.record.write_end(end))
    if end.phase is Phase.DONE and result is not None:
        _retry_until_stored(lambda: context.record.write_result(result))
    return end


def _attempt_end(
    context: PodContext, uploader: Uploader, state: RunnerState | None, result: StepResult | None
) -> AttemptEnd:
    if state is None or state.phase not in TERMINAL:
        return AttemptEnd(context.attempt, Phase.FAILED, _KILLED, interrupted=True)
    if state.phase is not Phase.DONE:
        return AttemptEnd(context.attempt, state.phase, state.message, state.interrupted)
    if result is None:
        message = "its outputs have names that cannot be kept; use printable ones."
        return AttemptEnd(context.attempt, Phase.FAILED, message)
    try:
        _retry_until_stored(lambda: uploader.upload_outputs(result))
    except JinsuError as problem:
        return AttemptEnd(context.attempt, Phase.FAILED, str(problem))
    return AttemptEnd(context.attempt, Phase.DONE, "")


def _sealed_result(context: PodContext) -> StepResult | None:
    """The result that the runner sealed; None when it is another step's, or names what no object may be called."""
    files = context.files
    text = read_regular(files.root, files.relative(files.result))
    result = None if text is None else StepResult.from_json(text)
    if result is None or result.run_key != context.run_key:
        return None
    return result if all(is_safe_name(f"{OUT_NAME}/{name}") for name in result.outputs) else None


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
    stop = StopRequest()
    signal.signal(signal.SIGTERM, lambda *_: stop.receive())
    context = PodContext.from_environment()
    try:
        end = upload_attempt(context, stop)
    except Exception as problem:  # whatever a script did to its files, the record must say how the attempt ended
        log.exception("the uploader failed")
        end = AttemptEnd(context.attempt, Phase.FAILED, f"its files could not be kept: {problem}.")
        _retry_until_stored(lambda: context.record.write_end(end))
    log.info("%s %s", end.phase, end.message)


if __name__ == "__main__":
    main()
