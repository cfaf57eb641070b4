"""Shows a step's log line by line, wherever its task is waiting."""

from __future__ import annotations

from collections.abc import Callable

from jinsu.launchers.launcher import Launcher

_MAX_LINES = 2000
_LONGEST = 1 << 16


def show(launcher: Launcher, run_key: str, offset: int, say: Callable[[str], object], ended: bool = False) -> int:
    """Says every whole new line since `offset` and returns where the next call goes on.

    A line that is still being written waits, unless the step has `ended`. A flood is cut: the log file has it all,
    Airflow's log does not need it.
    """
    text, after = launcher.logs(run_key, offset)
    if not ended and len(text) < _LONGEST and not text.endswith("\n"):
        rest = text[text.rfind("\n") + 1 :]
        if "\ufffd" not in rest:  # bytes that were no text cannot be counted back; such a line is shown in pieces
            text, after = text[: len(text) - len(rest)], after - len(rest.encode())
    if not text:
        return offset
    lines = text.splitlines()
    for line in lines[:_MAX_LINES]:
        say(line[:2000])
    if len(lines) > _MAX_LINES:
        say(f"[jinsu] {len(lines) - _MAX_LINES} lines not shown here; see: jinsu logs RUN")
    return after
