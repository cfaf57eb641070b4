"""The line from the runner to the uploader of one pod: one connection, which no script can make or take over.

Both containers mount the folder of a Unix socket. The uploader takes one connection and removes the socket; the runner
connects before it starts the script, so the script finds nothing to connect to. The runner is not dumpable: a process of
the same user can neither trace it, nor open its descriptors or its memory in /proc. When the connection ends without a
report of the end, the runner was killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from jinsu.steps.reporting import RunnerEnd
from jinsu.steps.status import Phase

CONNECT_SECONDS = 600.0
"""How long a runner waits for its uploader, which starts beside it."""

_PR_SET_DUMPABLE = 4
_LONGEST_LINE = 64 << 10
_LONGEST_MESSAGE = 4 << 10
_OWN_CANCEL = (
    "its script wrote a file `cancel` into the step's folder, which ends the step; give the file another name."
)
_NO_REPORT = (OSError, ValueError, KeyError, TypeError, RecursionError)
_ENDS = (Phase.DONE, Phase.FAILED)


def hide_this_process() -> None:
    """No other process of this user may trace this one or read its memory and its descriptors. Linux only; raises OSError."""
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")


class LineReporter:
    """The runner's end of the line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @staticmethod
    def connect(path: Path, patience: float = CONNECT_SECONDS) -> LineReporter:
        """Waits for the uploader, which makes the socket. Raises OSError when there is none after `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
                return LineReporter(connection)
            except OSError:
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def started(self) -> None:
        self._send({"started": True})

    def ended(self, end: RunnerEnd) -> None:
        if end.phase not in _ENDS:
            # A person's cancel stops the whole pod, so the file that asks a runner to stop came from the script.
            end = RunnerEnd(Phase.FAILED, _OWN_CANCEL)
        self._send({**asdict(end), "message": end.message[:_LONGEST_MESSAGE]})
        self._connection.close()

    def _send(self, document: dict[str, object]) -> None:
        self._connection.sendall(json.dumps(document).encode() + b"\n")


@dataclass(frozen=True)
class RunnerReport:
    """What an uploader knows of its runner.

    seconds: from the report of the start to that of the end, on the uploader's clock. over: the connection has ended. end:
    None while the script runs, and when the runner was killed.
    """

    connected: bool = False
    started: bool = False
    over: bool = False
    seconds: float = 0.0
    end: RunnerEnd | None = None


class RunnerLine:
    """The uploader's end of the line. A thread of its own follows the runner, so that a slow store delays no clock."""

    def __init__(self, path: Path) -> None:
        """path: the socket, which must not exist yet."""
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._report = RunnerReport()
        self._began = 0.0
        threading.Thread(target=self._follow, daemon=True).start()

    @property
    def report(self) -> RunnerReport:
        return self._report

    def close(self) -> None:
        """Takes no connection any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._path.unlink(missing_ok=True)

    def _follow(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # closed before a runner came
            return
        finally:
            self._path.unlink(missing_ok=True)
            self._listener.close()
        self._report = RunnerReport(connected=True)
        with contextlib.suppress(*_NO_REPORT), connection, connection.makefile("rb") as lines:
            while self._report.end is None and (line := lines.readline(_LONGEST_LINE)):
                self._take(line)
        self._report = RunnerReport(True, self._report.started, True, self._report.seconds, self._report.end)

    def _take(self, line: bytes) -> None:
        """One line of the runner. Raises ValueError, KeyError or TypeError for anything else."""
        document = json.loads(line)
        if document == {"started": True}:
            if not self._report.started:
                self._began = time.monotonic()
            self._report = RunnerReport(connected=True, started=True)
            return
        end = RunnerEnd(**document)
        phase, started = Phase(end.phase), self._report.started
        if phase not in _ENDS or (phase is Phase.DONE and not started):
            raise ValueError(phase)
        seconds = time.monotonic() - self._began if started else 0.0
        end = RunnerEnd(
            phase, str(end.message)[:_LONGEST_MESSAGE], bool(end.interrupted), seconds, int(end.peak_memory)
        )
        self._report = RunnerReport(True, started, False, seconds, end)
