"""A packaged model that runs in an inference process, for whoever checks and judges it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jinsu.errors import GateFailedError
from jinsu.inference.process import InferenceProcess, Lost
from jinsu.inference.wire import MAX_BODY, Frame, Kind, MalformedFrame, arrays_frame
from jinsu.packaging.arrays import Arrays, joined, part_of, rows_of
from jinsu.packaging.manifest import NUMPY_TYPES, Manifest
from jinsu.packaging.memory import peak_of
from jinsu.packaging.model import Model
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import MAX_MEMORY

LOAD_SECONDS, RUN_SECONDS = 300.0, 300.0
_BATCH = 256
_PART_BYTES = MAX_BODY // 4
_TEXT_BYTES = 256  # of one text, when the rows of a batch are counted


class RemoteModel:
    """A model in a process of its own, which cannot reach what is in this one. Raises GateFailedError."""

    def __init__(self, folder: Path, threads: int = 1, gpu: int = 0) -> None:
        self.manifest = Manifest.read(folder)
        self._given = [NUMPY_TYPES[one.dtype] for one in self.manifest.outputs]
        self._process = InferenceProcess(folder, MAX_MEMORY, "", threads, gpu)
        try:
            frame = self._wait(LOAD_SECONDS, "was not loaded")
        except GateFailedError:
            self.close()
            raise
        if frame.kind is not Kind.READY:
            self.close()
            raise GateFailedError(frame.sentence())
        self.provider = frame.sentence()

    def run(self, rows: Arrays) -> Arrays:
        """The answers to a batch of rows."""
        try:
            self._process.send(arrays_frame(Kind.ROWS, rows))
            frame = self._wait(RUN_SECONDS, f"gave no answer to {rows_of(rows)} rows")
            if frame.kind is not Kind.ANSWERS:
                raise GateFailedError(frame.sentence())
            return frame.arrays(self._given)
        except (Lost, MalformedFrame) as problem:
            raise GateFailedError(f"the model ended its process: {problem}.") from None

    def run_all(self, rows: Arrays) -> Arrays:
        """The answers to any number of rows, as many at a time as one message carries."""
        one = sum(array[:1].size * (_TEXT_BYTES if array.dtype.kind == "O" else array.itemsize) for array in rows)
        batch = max(1, min(_BATCH, _PART_BYTES // max(one, 1)))
        return joined([self.run(part_of(rows, start, start + batch)) for start in range(0, rows_of(rows), batch)])

    def peak(self) -> int:
        """The most bytes of memory that the process has had; 0 where Linux is not."""
        return peak_of(self._process.pid)

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()

    def _wait(self, seconds: float, what: str) -> Frame:
        begun = time.monotonic()
        try:
            return self._process.wait(seconds)
        except TimeoutError:
            raise GateFailedError(f"the model {what} within {time.monotonic() - begun:.0f} s.") from None
        except Lost as problem:
            raise GateFailedError(f"the model ended its process: {problem}.") from None


@contextmanager
def opened(folder: Path, threads: int = 1, gpu: int = 0) -> Iterator[Model]:
    """The packaged model in `folder`: an ONNX file in this process, code in one of its own. gpu: how many GPUs it may use."""
    if Manifest.read(folder).code is None:
        yield OnnxModel(folder, threads, gpu)
        return
    remote = RemoteModel(folder, threads, gpu)
    try:
        yield remote
    finally:
        remote.close()
