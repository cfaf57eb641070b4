"""The program of an inference process: it alone opens the model's file, and whoever started it may kill it at any time.

It reads batches from standard input, a socket, and writes answers there; standard output is a second socket, on which the
server names a batch that takes too long. It holds no key, its memory is limited, and it reads the package and libraries alone.

    python -m jinsu.inference.program FOLDER MEMORY CONTENTS GPUS THREADS PLACE

GPUS says how many the model may use. PLACE is an empty folder for what a python model unpacks; such a model reads it too.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from jinsu.errors import GateFailedError, RowsRefusedError
from jinsu.inference.confinement import confine
from jinsu.inference.python_model import PythonModel, unpack_python
from jinsu.inference.wire import (
    NUMBER_BYTES,
    Frame,
    FrameReader,
    Kind,
    MalformedFrame,
    Outgoing,
    arrays_frame,
    without,
)
from jinsu.packaging.contents import verify_contents
from jinsu.packaging.manifest import NUMPY_TYPES
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.sdk.model_files import CODE_FILE

_PR_SET_PDEATHSIG = 1


class _Inference:
    """A loaded model between the two sockets."""

    def __init__(self, model: OnnxModel | PythonModel, data: socket.socket) -> None:
        self._model, self._data = model, data
        self._taken = [NUMPY_TYPES[one.dtype] for one in model.manifest.inputs]
        self._given = [NUMPY_TYPES[one.dtype] for one in model.manifest.outputs]
        self._number = 0
        self._reader = FrameReader()

    def answer_batches(self) -> None:
        """Answers one batch after the other until the server closes the socket."""
        while (frame := self._next()) is not None:
            self._number += 1
            _send(self._data, self._answer(frame))

    def _next(self) -> Frame | None:
        while count := self._data.recv_into(self._reader.room()):
            if (frame := self._reader.received(count)) is not None:
                return frame
        return None

    def _answer(self, frame: Frame) -> Outgoing:
        try:
            answers = self._model.run(frame.arrays(self._taken))
            for array, dtype in zip(answers, self._given, strict=True):
                if array.dtype.kind != dtype.kind:
                    return _failed(f"answers of type {array.dtype}, the manifest says {dtype}")
            typed = (array.astype(dtype, copy=False) for array, dtype in zip(answers, self._given, strict=True))
            return arrays_frame(Kind.ANSWERS, tuple(typed))
        except RowsRefusedError as problem:
            return Frame(Kind.REFUSED, 0, str(problem).encode(errors="replace"))
        except GateFailedError as problem:
            return _failed(str(problem))
        except MemoryError:
            return _failed("needs more memory than the server gives it")
        except MalformedFrame as problem:
            return _failed(f"an answer cannot be sent: {problem}")

    def stop_when_asked(self, control: socket.socket) -> None:
        """Stops the batch whose number arrives, unless it is over; ends this process when the server has gone."""
        while len(message := control.recv(NUMBER_BYTES)) == NUMBER_BYTES:
            if int.from_bytes(message, "little") == self._number:
                self._model.stop()
        os._exit(0)


def _send(data: socket.socket, frame: Outgoing) -> None:
    unsent: Sequence[bytes | memoryview] = frame.buffers()
    while unsent:
        unsent = without(unsent, data.sendmsg(unsent))


def _failed(sentence: str) -> Frame:
    return Frame(Kind.FAILED, 0, sentence.encode(errors="replace"))


def _limit_this_process(memory: int) -> None:
    """memory: bytes that the process may allocate; mapped files do not count. More is refused to the model, not to the node."""
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, signal.SIG_IGN)  # the server ends first, after its last answers
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _confined_model(folder: Path, contents: str, gpu: int, threads: int, place: Path) -> OnnxModel | PythonModel:
    """The model, opened when this process has given up everything else."""
    if not (folder / CODE_FILE).is_file():
        confine(folder, gpu=gpu > 0)
        if contents:
            verify_contents(folder, contents)
        return OnnxModel(folder, threads, gpu)
    if contents:
        verify_contents(folder, contents)
    unpack_python(folder, place)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(place)  # where libraries look for settings of people
    confine(folder, place, gpu=gpu > 0)
    return PythonModel(folder, place)


def main() -> None:
    folder, memory, contents, gpu, threads = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:6])
    place = Path(sys.argv[6])
    data, control = socket.socket(fileno=os.dup(0)), socket.socket(fileno=os.dup(1))
    os.dup2(2, 1)
    _limit_this_process(memory)
    try:
        model = _confined_model(folder, contents, gpu, threads, place)
        inference = _Inference(model, data)
    except (GateFailedError, MemoryError) as problem:
        _send(data, _failed(str(problem) or "the model needs more memory than the server gives it"))
        return
    Thread(target=inference.stop_when_asked, args=(control,), daemon=True).start()
    _send(data, Frame(Kind.READY, 0, model.provider.encode()))
    gc.freeze()  # what was imported and the model live as long as the process
    inference.answer_batches()


if __name__ == "__main__":
    main()
