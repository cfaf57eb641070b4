"""Shows a step's log line by line, while its stage waits in a worker or in the triggerer."""

from __future__ import annotations

from collections.abc import Callable

from jinsu.launchers.launcher import Launcher
from jinsu.runs.text import readable

_MAX_LINES = 2000
_LONGEST = 1 << 16


def show(launcher: Launcher, run_key: str, offset: int, write: Callable[[str], object], ended: bool = False) -> int:
    """Writes every whole new line behind `offset`, and returns the offset of the next call, in bytes.

    A line that is still being written waits, unless the step has `ended`. At most 2000 lines are written at a time, each
    cut to 2000 characters: the log file holds them all, and Airflow's log does not need them.
    """
    text, after = launcher.logs(run_key, offset)
    if not ended and len(text) < _LONGEST and not text.endswith("\n"):
        rest = text[text.rfind("\n") + 1 :]
        if "\ufffd" not in rest:  # bytes that are no UTF-8 cannot be counted back; such a line is shown in pieces
            text, after = text[: len(text) - len(rest)], after - len(rest.encode())
    if not text:
        return offset
    lines = readable(text).splitlines()
    for line in lines[:_MAX_LINES]:
        write(line[:2000])
    if len(lines) > _MAX_LINES:
        write(f"[jinsu] {len(lines) - _MAX_LINES} lines not shown here; see: jinsu logs RUN")
    return after
