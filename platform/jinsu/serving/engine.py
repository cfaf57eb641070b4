"""The engine runs batches in an inference process, stops what takes too long, and replaces a process that is lost.

The event loop never waits for a model: a batch is sent, and its answers arrive as an event. A batch that is late is first
asked to stop, which costs nothing where onnxruntime looks up between two operators; what goes on is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinsu.errors import GateFailedError
from jinsu.inference.process import InferenceProcess, Lost
from jinsu.inference.wire import Frame, Kind, MalformedFrame, arrays_frame
from jinsu.packaging.arrays import Arrays, part_of, rows_of
from jinsu.packaging.manifest import NUMPY_TYPES, Manifest
from jinsu.serving.cores import available_cores
from jinsu.serving.limits import Limits

log = logging.getLogger("jinsu.server")

_SHORT_LIFE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 10.0
_TIMED_RUNS = 5
_SLOW_SECONDS = 1e-3
"""What a row of a model costs that is worth several threads; below, handing work to them costs more than they save."""
_WORTH = 0.8
"""The part of one thread's time that all cores together must stay below, and of a lone row's a row in a batch."""
_BATCH_SECONDS = 0.02
"""How long a batch may take whose rows gain nothing from each other: they would wait for one another, and fail together."""


class ModelFailed(Exception):
    """The model gave a sentence instead of answers."""


class RowsRefused(ModelFailed):
    """The sentence is about the rows: the model answers others."""


class Stopped(Exception):
    """The batch got no answers because it took too long, or because its process was lost; another batch may fare better."""


Outcome = Arrays | ModelFailed | Stopped
Done = Callable[[Outcome], None]


@dataclass(slots=True)
class _Batch:
    """What runs, or runs as soon as there is a process. number: counted from 1 for each process; 0 until it is sent."""

    rows: Arrays
    done: Done
    number: int = 0
    late: bool = False


class Engine:
    """One model, loaded in an inference process. It takes one batch at a time."""

    def __init__(self, folder: Path, manifest: Manifest, limits: Limits, contents: str = "", gpu: int = 0) -> None:
        """Waits until the model is loaded. contents: the digest that the package must have whenever it is loaded.

        gpu: how many GPUs compute it. Raises GateFailedError for a model that cannot be loaded within `limits.load`.
        """
        self._folder, self._limits, self._contents, self._gpu = folder, limits, contents, gpu
        self.provider = ""  # what of onnxruntime computes; "" for a python model, whose code chooses by itself
        self._given = [NUMPY_TYPES[one.dtype] for one in manifest.outputs]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._batch: _Batch | None = None
        self._sent = self._short_lives = self.restarts = 0
        self._closed = False
        self._per_row = 0.0
        self._down_since: float | None = None
        self.batch = limits.batch  # rows in one run; fewer where a row costs the same alone
        self._threads = 1
        self._process: InferenceProcess | None = None
        self._load(1)

    def _load(self, threads: int) -> None:
        """Waits until the model is loaded in a process of its own with so many threads. Raises GateFailedError."""
        self._drop()
        self._threads, self._sent = threads, 0
        self._process = self._new_process()
        try:
            self._await_ready(self._process)
        except GateFailedError:
            self._process.kill()
            raise

    def _new_process(self) -> InferenceProcess:
        return InferenceProcess(self._folder, self._limits.memory, self._contents, self._threads, self._gpu)

    @property
    def pid(self) -> int | None:
        """The inference process; None while there is none."""
        return self._process.pid if self._process else None

    @property
    def seconds_down(self) -> float:
        """For how long no model has been loaded."""
        return 0.0 if self._down_since is None else time.monotonic() - self._down_since

    # --- Before the first request ---

    def _await_ready(self, process: InferenceProcess) -> None:
        try:
            frame = process.wait(self._limits.load)
        except TimeoutError:
            raise GateFailedError(f"the model was not loaded within {self._limits.load:g} s.") from None
        except Lost as problem:
            raise GateFailedError(f"the model ended its process while it was loaded: {problem}.") from None
        if frame.kind is not Kind.READY:
            raise GateFailedError(frame.sentence())
        self.provider = frame.sentence()

    def time(self, rows: Arrays) -> None:
        """Measures on a blank batch how long rows take, and lets all cores run a slow model if that makes it faster.

        Raises GateFailedError.
        """
        self._per_row = self._timed(rows) / rows_of(rows)
        if self._per_row < _SLOW_SECONDS:
            return
        self._choose_threads(rows)
        alone = self._timed(part_of(rows, 0, 1))
        if self._per_row > _WORTH * alone:
            self.batch = max(1, min(self.batch, math.ceil(_BATCH_SECONDS / alone)))

    def _choose_threads(self, rows: Arrays) -> None:
        cores = available_cores()
        if cores == 1 or self._gpu:  # a GPU computes with threads of its own
            return
        self._load(cores)
        together = self._timed(rows) / rows_of(rows)
        if together < _WORTH * self._per_row:
            self._per_row = together
        else:
            self._load(1)

    def _timed(self, rows: Arrays) -> float:
        """Seconds of the fastest of five runs. Raises GateFailedError."""
        assert self._process is not None
        best = math.inf
        try:
            for _ in range(_TIMED_RUNS):
                begun = time.monotonic()
                self._process.send(arrays_frame(Kind.ROWS, rows))
                self._sent += 1
                answers = self._outcome(self._process.wait(self._limits.load), rows_of(rows))
                best = min(best, time.monotonic() - begun)
                if isinstance(answers, Exception):
                    raise GateFailedError(f"a blank batch of {rows_of(rows)} rows fails: {answers}")
        except (TimeoutError, Lost, MalformedFrame) as problem:
            self.close()
            raise GateFailedError(
                f"a blank batch of {rows_of(rows)} rows gets no answer: {problem or 'too slow'}"
            ) from None
        except GateFailedError:
            self.close()
            raise
        return best

    # --- Batches ---

    def run(self, rows: Arrays, done: Done) -> None:
        """Answers a batch; `done` is called once, later. One batch at a time."""
        assert self._batch is None
        self._batch = _Batch(rows, done)
        self._join(asyncio.get_running_loop())
        if self._down_since is None:
            self._begin()

    def _join(self, loop: asyncio.AbstractEventLoop) -> None:
        """Has this event loop hear of the process; the former loop, if any, is closed."""
        if loop is self._loop:
            return
        self._loop = loop
        if self._process is None:
            self._timer = loop.call_later(0, self._start)
        else:
            loop.add_reader(self._process.fileno(), self._readable)

    def _begin(self) -> None:
        batch, process, loop = self._batch, self._process, self._loop
        assert batch is not None and process is not None and loop is not None  # noqa: PT018
        self._sent += 1
        batch.number = self._sent
        expected = self._per_row * rows_of(batch.rows)
        try:
            if not process.send(arrays_frame(Kind.ROWS, batch.rows)):
                loop.add_writer(process.fileno(), self._writable)
            elif expected < self._limits.inline_below and (frame := process.receive()) is not None:
                self._take(frame)
                return
        except Lost as problem:
            self._lose(str(problem))
            return
        except MalformedFrame as problem:
            self._finish(ModelFailed(f"the rows cannot be sent: {problem}"))
            return
        allowance = max(self._limits.run, 20 * expected)
        self._timer = loop.call_later(min(allowance, self._limits.deadline), self._stop)

    def _writable(self) -> None:
        assert self._process is not None and self._loop is not None  # noqa: PT018
        try:
            if self._process.send_rest():
                self._loop.remove_writer(self._process.fileno())
        except Lost as problem:
            self._lose(str(problem))

    def _readable(self) -> None:
        assert self._process is not None
        try:
            frame = self._process.receive()
            if frame is None:
                return
            self._take(frame)
        except (Lost, MalformedFrame) as problem:
            self._lose(str(problem))

    def _take(self, frame: Frame) -> None:
        if self._down_since is not None:
            if frame.kind is not Kind.READY:
                raise Lost(frame.sentence())
            self._down_since = None
            self._end_timer()
            if self._batch is not None:
                self._begin()
        elif self._batch is None or not self._batch.number:
            raise Lost("it spoke without being asked")
        else:
            outcome: Outcome = self._outcome(frame, rows_of(self._batch.rows))
            if self._batch.late and isinstance(outcome, ModelFailed):
                outcome = Stopped("took too long")
            self._finish(outcome)

    def _outcome(self, frame: Frame, rows: int) -> Arrays | ModelFailed:
        if frame.kind is Kind.FAILED:
            return ModelFailed(frame.sentence())
        if frame.kind is Kind.REFUSED:
            return RowsRefused(frame.sentence())
        answers = frame.arrays(self._given)
        if any(answer.ndim == 0 or len(answer) != rows for answer in answers):
            return ModelFailed("the first axis of the output is not the batch")
        return answers

    def _finish(self, outcome: Outcome) -> None:
        self._end_timer()
        batch, self._batch = self._batch, None
        if batch is not None:
            batch.done(outcome)

    def give_up(self) -> None:
        """Asks for the end of the present batch, whose answers nobody needs. The engine stays busy until it has ended."""
        if self._process is not None and self._batch is not None and self._batch.number:
            self._process.ask_to_stop(self._batch.number)

    # --- What is late or lost ---

    def _stop(self) -> None:
        """Asks for the end of the batch, and kills the process unless it ends soon."""
        assert self._process is not None and self._batch is not None and self._loop is not None  # noqa: PT018
        self._batch.late = True
        self._process.ask_to_stop(self._batch.number)
        self._timer = self._loop.call_later(
            self._limits.grace, self._lose, "it did not stop a batch that took too long"
        )

    def _lose(self, why: str) -> None:
        """Ends the process and starts another: at once, and after ever longer pauses when they live for a short time."""
        assert self._process is not None and self._loop is not None  # noqa: PT018
        log.error("the inference process %d is replaced: %s", self._process.pid, why)
        lived = time.monotonic() - self._process.started
        self._drop()
        self._short_lives = self._short_lives + 1 if lived < _SHORT_LIFE_SECONDS else 0
        pause = 0.0 if self._short_lives < 2 else min(_LONGEST_PAUSE_SECONDS, 0.05 * 2**self._short_lives)
        self._down_since = self._down_since or time.monotonic()
        self._end_timer()
        self._timer = self._loop.call_later(pause, self._start)
        batch = self._batch
        if batch is not None and batch.number:  # one that was not sent waits for the next process
            self._batch = None
            batch.done(Stopped("took too long" if batch.late else "lost the process that ran them"))

    def _start(self) -> None:
        if self._closed or self._process is not None:
            return
        assert self._loop is not None
        self.restarts += 1
        self._sent = 0
        self._process = self._new_process()
        self._loop.add_reader(self._process.fileno(), self._readable)
        self._timer = self._loop.call_later(self._limits.load, self._lose, "the model was not loaded in time")

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(process.fileno())
            self._loop.remove_writer(process.fileno())
        process.kill()

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Ends the inference process for good."""
        self._closed = True
        with contextlib.suppress(RuntimeError):
            self._end_timer()
        self._drop()
