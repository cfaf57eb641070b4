"""An inference process as whoever started it sees it: written to, read from, and killed."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import jinsu
from jinsu.inference.wire import NUMBER_BYTES, SOCKET_BYTES, Frame, FrameReader, MalformedFrame, Outgoing, without
from jinsu.packaging.providers import GPU_HOST_MEMORY

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
_FOR_A_GPU = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
_FIXED = {
    "PYTHONPATH": str(Path(jinsu.__file__).parents[1]),  # the same code as the server's
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_END_SECONDS = 1.0
_RECEIVE_TIMEOUT = struct.pack("ll", 0, 1000)  # a millisecond, which the kernel rounds up to one of its ticks


class Lost(Exception):
    """The inference process ended, or does not behave."""


class InferenceProcess:
    """One process and its two sockets. Sending never waits."""

    def __init__(self, folder: Path, memory: int, contents: str, threads: int = 1, gpu: int = 0) -> None:
        """memory: bytes that the model may allocate. contents: the digest that the package must have, or "" for any.

        threads: how many compute one run. gpu: how many GPUs do; 0 for a process that sees none.
        """
        self._data, data = socket.socketpair()
        self._control, control = socket.socketpair()
        # The folder is removed with the process, and holds what a python model unpacks.
        self._place = tempfile.TemporaryDirectory(prefix="jinsu-model-", ignore_cleanup_errors=True)
        allowed = memory + (GPU_HOST_MEMORY if gpu else 0)
        arguments = (str(folder.resolve()), str(allowed), contents, str(gpu), str(threads), self._place.name)
        command = (sys.executable, "-P", "-m", "jinsu.inference.program", *arguments)
        passed_on = (*_PASSED_ON, *(_FOR_A_GPU if gpu else ()))
        kept = {name: os.environ[name] for name in passed_on if name in os.environ}
        with data, control:
            self._process = subprocess.Popen(
                command, stdin=data.fileno(), stdout=control.fileno(), env={**kept, **_FIXED}
            )
        self._data.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _RECEIVE_TIMEOUT)
        self._control.setblocking(False)
        self._data.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
        self._reader = FrameReader()
        self._unsent: Sequence[bytes | memoryview] = ()
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """The socket that can be read when there is news."""
        return self._data.fileno()

    def send(self, frame: Outgoing) -> bool:
        """Begins to send; whether everything is sent already. Raises Lost."""
        self._unsent = frame.buffers()
        return self.send_rest()

    def send_rest(self) -> bool:
        """Sends what the socket takes now; whether that was the rest. Raises Lost."""
        try:
            while self._unsent:
                self._unsent = without(self._unsent, self._data.sendmsg(self._unsent, (), socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False
        except OSError as problem:
            raise Lost(str(problem)) from None
        return True

    def receive(self) -> Frame | None:
        """The next frame, for which it waits about a millisecond; None until all of it has arrived. Raises Lost."""
        flags = 0  # waits for the first bytes alone
        while True:
            try:
                count = self._data.recv_into(self._reader.room(), 0, flags)
            except BlockingIOError:
                return None
            except OSError as problem:
                raise Lost(str(problem)) from None
            if not count:
                raise Lost("its socket is closed")
            try:
                frame = self._reader.received(count)
            except MalformedFrame as problem:
                raise Lost(f"it sent no frame: {problem}") from None
            if frame is not None:
                return frame
            flags = socket.MSG_DONTWAIT

    def wait(self, seconds: float) -> Frame:
        """The next frame, for which it waits so long while it sends what is unsent. Raises Lost, and TimeoutError."""
        until = time.monotonic() + seconds
        poll = select.poll()
        while (left := until - time.monotonic()) > 0:
            poll.register(self._data, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            events = poll.poll(left * 1000)
            if events and events[0][1] & select.POLLOUT:
                self.send_rest()
            if events and events[0][1] & ~select.POLLOUT and (frame := self.receive()) is not None:
                return frame
        raise TimeoutError

    def ask_to_stop(self, number: int) -> None:
        """Asks for the end of the batch of this number, counted from 1."""
        with contextlib.suppress(OSError):
            self._control.send(number.to_bytes(NUMBER_BYTES, "little"))

    def kill(self) -> None:
        """Ends the process, also one that is stopped, and closes the sockets."""
        self._process.kill()
        self._data.close()
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # the kernel may need long to free its memory
            self._process.wait(_END_SECONDS)
        self._place.cleanup()
