"""Runs the scorer of a problem's owner in a process of its own, and reads its numbers.

The process cannot reach the packages of the models, the findings or another process. It decides what its own metrics say; whether
they keep the problem's bounds is decided here, from numbers that are checked again.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import jinsu
from jinsu.confined.scorer_program import CODE, MOST_METRICS, ROWS, Rows
from jinsu.errors import GateFailedError
from jinsu.spec.metrics import is_custom_name

SECONDS = 600.0
"""How long one model may be scored."""
MEMORY = 2**30
"""Bytes that a scorer may allocate beside three times the rows."""
_HEAD = 1 << 16
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
_FORMS: Mapping[str, tuple[np.dtype[Any], int]] = {
    "share": (np.dtype(np.uint8), 1),
    "mean": (np.dtype(np.float64), 1),
    "ratio": (np.dtype(np.float64), 2),
}
"""What a row's numbers are, and how many there are, by the word in an answer's head."""
_LONGEST = 500


def scored(text: str, name: str, rows: Rows, seconds: float = SECONDS, memory: int = MEMORY) -> dict[str, np.ndarray]:
    """What the scorer, a file of Python called `name`, says of the rows: one or two numbers a row, by metric.

    Raises GateFailedError with one sentence when it fails, takes longer, or answers something else.
    """
    shown = Path(name).name
    with tempfile.TemporaryDirectory(prefix="jinsu-scorer-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / CODE).mkdir()
        (folder / CODE / shown).write_text(text, encoding="utf-8")
        with (folder / ROWS).open("wb") as stream:
            pickle.dump(tuple(rows), stream, protocol=5)
        room = memory + 3 * (folder / ROWS).stat().st_size
        try:
            return _parsed(_answer(folder, shown, room, seconds, _longest(len(rows.truth))), len(rows.truth))
        except GateFailedError as problem:
            raise GateFailedError(f"{shown}: {problem}") from None


def _longest(rows: int) -> int:
    return _HEAD + MOST_METRICS * rows * 16


def _answer(folder: Path, name: str, memory: int, seconds: float, most: int) -> bytes:
    """The bytes that the process answers, which are at most `most`."""
    command = [sys.executable, "-P", "-m", "jinsu.confined.scorer_program", str(folder), name, str(memory)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=_environment(), start_new_session=True
    )
    assert process.stdout is not None
    try:
        with process.stdout as stream:
            answer = _read(stream.fileno(), time.monotonic() + seconds, most)
        if answer is None:
            raise GateFailedError(f"score took longer than {seconds:g} s; make it faster, or hold out fewer rows.")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not answer:
        raise GateFailedError(
            f"its process ended {_how(process.returncode)} before it answered; let score return its numbers."
        )
    return answer


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    source = str(Path(jinsu.__file__).parents[1])  # the same code as this program's
    return {**kept, "PYTHONPATH": source, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _read(descriptor: int, until: float, most: int) -> bytes | None:
    """Everything until the other end is closed; None when it is late. Raises GateFailedError for too much."""
    poll, found = select.poll(), bytearray()
    poll.register(descriptor, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if not poll.poll(left * 1000):
            continue
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            return bytes(found)
        found += chunk
        if len(found) > most:
            raise GateFailedError(f"its process answered more than {most} bytes; let score return its numbers.")
    return None


def _how(status: int) -> str:
    return f"by signal {-status}" if status < 0 else f"with status {status}"


def _parsed(answer: bytes, rows: int) -> dict[str, np.ndarray]:
    """The numbers in an answer: the scorer's process is its owner's, so nothing in it is taken on trust."""
    head, _, body = answer.partition(b"\n")
    try:
        document = json.loads(head)
        if isinstance(document, Mapping) and isinstance(document.get("error"), str):
            raise GateFailedError(_one_line(document["error"]))
        forms = {str(name): _FORMS[form] for name, form in document["metrics"].items()}
        if len(forms) > MOST_METRICS or not all(map(is_custom_name, forms)):
            raise ValueError
        return dict(_arrays(forms, body, rows))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise GateFailedError("its process answered something else than numbers; let score return them.") from None


def _arrays(forms: Mapping[str, tuple[np.dtype[Any], int]], body: bytes, rows: int) -> dict[str, np.ndarray]:
    """Raises ValueError for bytes that are no such arrays."""
    found, start = {}, 0
    for name, (dtype, width) in forms.items():
        count = rows * width
        array = np.frombuffer(body, dtype, count, start)
        start += array.nbytes
        values = array != 0 if dtype == np.uint8 else array
        if not np.isfinite(values).all():
            raise ValueError
        found[name] = values if width == 1 else values.reshape(rows, width)
    if start != len(body):
        raise ValueError
    return found


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:_LONGEST]
