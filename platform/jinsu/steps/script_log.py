"""The log of a script: what it prints, up to a limit."""

from __future__ import annotations

import sys
from typing import IO

from jinsu.steps.script_failure import ScriptFailure, script_failure

_TAIL_BYTES = 16384
_LONGEST_QUOTE = 300
_TRUNCATED = "\n[jinsu] the log reached its limit of {limit} bytes; the rest is not kept.\n"


class ScriptLog:
    """Writes a script's output to its log file and to standard output, up to a limit; remembers the last bytes of all."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        """file: opened for appending; its bytes from earlier attempts count. limit: in bytes."""
        self._file, self._limit = file, limit
        self._length = file.tell()
        self._tail = b""

    def write(self, chunk: bytes) -> None:
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        room = self._limit - self._length
        self._length += len(chunk)
        if room < 0:
            return
        self._file.write(chunk[:room])
        sys.stdout.buffer.write(chunk[:room])
        sys.stdout.flush()
        if len(chunk) > room:
            self._file.write(_TRUNCATED.format(limit=self._limit).encode())
        self._file.flush()

    def quote(self) -> str:
        """The end of a sentence about the script's end, with the last line that it printed."""
        words = self.last_words()
        return f"; its last words: {words}" if words else " and printed nothing."

    def failure(self) -> ScriptFailure | None:
        """The traceback that the script ended with."""
        return script_failure(self._tail.decode(errors="replace"))

    def last_words(self) -> str:
        """The last line that the script printed, cut to 300 characters; empty when it printed nothing."""
        return self.last_line()[:_LONGEST_QUOTE]

    def last_line(self) -> str:
        """The last line that is not empty, as far as it is within the last 16 KiB; "" without one."""
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else ""
