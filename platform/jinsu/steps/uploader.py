"""The `upload` container beside a script: carries its log, metrics, checkpoints and outputs to the object store.

Only this container and `stage` hold the store's keys. The uploader reads what the script writes and never runs any of it.
An outage of the store delays the upload and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import signal
import time
from io import BufferedReader
from pathlib import Path
from typing import Any

from jinsu.errors import JinsuError, TransientError
from jinsu.objects.store import Store
from jinsu.sdk.step_files import OUT_NAME, StepFiles
from jinsu.steps.lock import held
from jinsu.steps.pod_context import PodContext
from jinsu.steps.record import BLOCK_BYTES, AttemptEnd, StepRecord, Stream
from jinsu.steps.result import StepResult
from jinsu.steps.runner_state import RunnerState, read_state
from jinsu.steps.safe_open import FileStamp, file_stamps, is_safe_name, open_regular, read_regular
from jinsu.steps.status import TERMINAL, Phase

log = logging.getLogger("jinsu.upload")

_FAST, _SLOW = 0.2, 1.0
_FAST_SECONDS = 20.0
_SILENCE = 3.0
_LAST_ROUND = 20.0
_PIECE = 256 << 10
_METRICS_BYTES = 64 << 20
_KILLED = "its process was killed; a retry resumes from the last checkpoint."


class _PieceWriter:
    """Uploads a growing file piece by piece: the last piece is written anew until it is full.

    base: the offset in the record of the file's first byte; a log goes on where the last attempt's log ended.
    uploaded: how many bytes of the file are in the record already.
    """

    def __init__(self, record: StepRecord, stream: Stream, base: int, uploaded: int) -> None:
        self._record, self._stream, self._base = record, stream, base
        self._start, self._piece = uploaded, b""

    @property
    def uploaded(self) -> int:
        """How many bytes of the file have been uploaded."""
        return self._start + len(self._piece)

    def upload(self, data: bytes) -> None:
        """Uploads the bytes of the file that follow the uploaded ones."""
        piece = self._piece + data
        self._record.write_piece(self._stream, self._base + self._start, piece)
        self._piece = piece
        if len(piece) >= _PIECE:
            self._start, self._piece = self.uploaded, b""


class Uploader:
    """Uploads the files of one attempt, and remembers what it has uploaded."""

    def __init__(self, store: Store, record: StepRecord, files: StepFiles) -> None:
        self._store, self._record, self._files = store, record, files
        # Metrics were restored with the checkpoint that they belong to, so they are in the file already.
        metrics_length = record.length(Stream.METRICS)
        self._writers = {
            Stream.LOG: _PieceWriter(record, Stream.LOG, base=record.length(Stream.LOG), uploaded=0),
            Stream.METRICS: _PieceWriter(record, Stream.METRICS, base=0, uploaded=metrics_length),
        }
        self._names = {Stream.LOG: files.relative(files.log), Stream.METRICS: files.relative(files.metrics)}
        self._checkpoints = files.relative(files.checkpoints)
        self._last_stamps: dict[str, FileStamp] = {}
        self._uploaded_set = record.read_checkpoints()
        self._digests: dict[str, tuple[FileStamp, str]] = {}

    def sync(self, last: bool = False) -> None:
        """Uploads what is new.

        Checkpoints are uploaded when two calls in a row find the same files, so that none is half written. `last`: the
        script has ended, so checkpoints are uploaded at once.
        """
        for stream in Stream:
            while self._upload_next(stream):
                pass
        stamps = file_stamps(self._files.root, self._checkpoints)
        stamps = {name: stamp for name, stamp in stamps.items() if is_safe_name(name)}
        if stamps and (last or stamps == self._last_stamps):
            self._upload_checkpoints(stamps)
        self._last_stamps = stamps

    def upload_outputs(self, result: StepResult) -> None:
        """Uploads every output. Raises JinsuError when one is not what was sealed."""
        for name, digest in result.outputs.items():
            path = f"{OUT_NAME}/{name}"
            with open_regular(self._files.root, path) as file:
                if file is None or hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    raise JinsuError(f"{path}: changed after the script had ended; submit again.")
                self._store.put(_same_file(file), self._record.output_key(name))

    def _upload_next(self, stream: Stream) -> bool:
        """Uploads the next part of a growing file; returns whether more may follow at once."""
        writer = self._writers[stream]
        with open_regular(self._files.root, self._names[stream]) as file:
            if file is None or (stream is Stream.METRICS and writer.uploaded >= _METRICS_BYTES):
                return False
            file.seek(writer.uploaded)
            data = file.read(BLOCK_BYTES)
        if data:
            writer.upload(data)
        return len(data) == BLOCK_BYTES

    def _upload_checkpoints(self, stamps: dict[str, FileStamp]) -> None:
        current: dict[str, str] = {}
        for name, stamp in stamps.items():
            uploaded = self._digests.get(name)
            if uploaded is None or uploaded[0] != stamp:
                digest = self._upload_checkpoint(f"{self._checkpoints}/{name}")
                if digest is None or file_stamps(self._files.root, self._checkpoints).get(name) != stamp:
                    return  # the script wrote to it meanwhile: the next call finds it whole
                uploaded = self._digests[name] = (stamp, digest)
            current[name] = uploaded[1]
        if current != self._uploaded_set:
            self._record.write_checkpoints(current)
            self._uploaded_set = current
            self._digests = {name: uploaded for name, uploaded in self._digests.items() if name in current}

    def _upload_checkpoint(self, name: str) -> str | None:
        with open_regular(self._files.root, name) as file:
            if file is None:
                return None
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest not in self._uploaded_set.values():
                self._store.put(_same_file(file), self._record.checkpoint_key(digest))
            return digest


def _same_file(file: BufferedReader) -> Path:
    """A path that means the opened file, whatever its name means by now."""
    return Path(f"/proc/self/fd/{file.fileno()}")


# --- One attempt, from its first line to its end ---


def upload_attempt(context: PodContext, stopping: list[bool]) -> AttemptEnd:
    """Uploads until the script is over; returns how the attempt ended."""
    uploader = _retry_until_stored(lambda: Uploader(context.store, context.record, context.files))
    began, problem = time.monotonic(), ""
    watch = _RunnerWatch(context.files)
    while not watch.is_over(stopping):
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

    def is_over(self, stopping: list[bool]) -> bool:
        now, alive, state = time.monotonic(), held(self._files.lock), self.state()
        if stopping and self._stopping_since is None:
            self._stopping_since = now
        if self._stopping_since is not None and now - self._stopping_since > _LAST_ROUND:
            return True
        if alive or state is None:
            self._silent_since = None
            return bool(stopping) and state is None
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


def _retry_until_stored(work: Any) -> Any:
    """Repeats the call until the store answers; the pod's deadline is the only limit."""
    last_problem, pause = "", 0.5
    while True:
        try:
            return work()
        except TransientError as problem:
            last_problem = _log_if_new(last_problem, str(problem))
            time.sleep(pause)
            pause = min(30.0, pause * 2)


def _log_if_new(last_problem: str, problem: str) -> str:
    if problem != last_problem:
        log.warning("%s", problem)
    return problem


def main() -> None:
    """Entry point of the `upload` container: `python -m jinsu.steps.uploader`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stopping: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    context = PodContext.from_environment()
    try:
        end = upload_attempt(context, stopping)
    except Exception as problem:  # whatever a script did to its files, the record must say how the attempt ended
        log.exception("the uploader failed")
        end = AttemptEnd(context.attempt, Phase.FAILED, f"its files could not be kept: {problem}.")
        _retry_until_stored(lambda: context.record.write_end(end))
    log.info("%s %s", end.phase, end.message)


if __name__ == "__main__":
    main()
