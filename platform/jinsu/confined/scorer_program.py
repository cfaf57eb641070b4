"""The process of a scorer: it alone runs the file of the problem's owner, and whoever started it may kill it at any time.

    python -m jinsu.confined.scorer_program FOLDER FILE MEMORY

FOLDER holds the rows in `rows.pickle` and the file in `code/FILE`. The answer goes to standard output, what the scorer prints to
standard error. The process has no network, starts no other one, and reads its file and libraries alone.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import resource
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import numpy as np

from jinsu.evaluation.kinds.classes import decode
from jinsu.evaluation.kinds.kind import Output
from jinsu.evaluation.labels import as_text
from jinsu.inference.confinement import confine
from jinsu.spec.metrics import is_custom_name

ROWS, CODE = "rows.pickle", "code"
MOST_METRICS = 50
_FUNCTION = "score"
_LONGEST = 400
_SHOWN = 5

_Result = TypeVar("_Result")


class ScorerError(Exception):
    """The scorer failed. The text says where, and what to do."""


class Rows(NamedTuple):
    """What a scorer compares, as it is handed to the process."""

    truth: np.ndarray
    outputs: Mapping[str, Output]
    columns: Mapping[str, np.ndarray]


class Answered(np.ndarray):
    """One output of a model as the scorer gets it: an array whose first axis is the rows.

    kind: what the model's author says that it is, such as `probabilities`. labels: the text of each class that the numbers
    stand for, or None. levels: of quantiles, or None.
    """

    kind: str
    labels: list[str] | None
    levels: tuple[float, ...] | None
    _output: Output

    @staticmethod
    def of(output: Output) -> Answered:
        found = np.asarray(output.values).view(Answered)
        found.kind, found.levels, found._output = str(output.kind), output.levels, output
        found.labels = None if output.labels is None else [str(as_text(np.asarray([one]))[0]) for one in output.labels]
        return found

    def __array_finalize__(self, source: Any) -> None:
        for name in ("kind", "labels", "levels", "_output"):
            if hasattr(source, name):
                setattr(self, name, getattr(source, name))

    @property
    def classes(self) -> np.ndarray:
        """The class that the model answers for each row, as text: the one with the greatest score, or its label."""
        return decode(replace(self._output, values=np.asarray(self)))


def contribution(name: str, said: object, rows: int) -> np.ndarray:
    """What a scorer returned for one metric: booleans or numbers, one a row, or two a row. Raises ScorerError. Pure."""
    parts = said if isinstance(said, tuple) else (said,)
    if len(parts) not in (1, 2):
        raise ScorerError(f"score returned {name!r} as {len(parts)} things; return one array, or two: (above, below).")
    arrays = [_numbers(name, part, rows) for part in parts]
    return arrays[0] if len(arrays) == 1 else np.stack([array.astype(float) for array in arrays], axis=1)


def _numbers(name: str, said: object, rows: int) -> np.ndarray:
    array = np.array(said, subok=False)
    if array.dtype.kind not in "biuf" or array.shape != (rows,):
        found = type(said).__name__ if array.ndim == 0 else f"{array.dtype}{list(array.shape)}"
        raise ScorerError(f"score returned {name!r} as {found[:80]} for {rows} rows; return one number for each row.")
    if array.dtype == bool:
        return array
    values = array.astype(np.float64)
    if len(bad := np.flatnonzero(~np.isfinite(values))):
        raise ScorerError(
            f"score returned {name!r} with no finite number in {len(bad)} of {rows} rows, the first is row {bad[0]}; return a "
            "number for each row, or (above, below) where rows do not count."
        )
    return values


def contributions(said: object, rows: int) -> dict[str, np.ndarray]:
    """Every metric that a scorer returned. Raises ScorerError. Pure."""
    if not isinstance(said, Mapping) or not said:
        raise ScorerError(
            f"score returned {type(said).__name__[:80]}; return a dict of arrays by the name of each metric."
        )
    if len(said) > MOST_METRICS:
        raise ScorerError(f"score returned {len(said)} metrics; {MOST_METRICS} are the most.")
    for name in said:
        if not isinstance(name, str) or not is_custom_name(name):
            raise ScorerError(
                f"score returned a metric called {str(name)[:60]!r}; write letters, digits, '_', '-', '.', ':', '/' and spaces, "
                "100 at most."
            )
    return {str(name): contribution(name, values, rows) for name, values in said.items()}


def score(path: Path, rows: Rows) -> dict[str, np.ndarray]:
    """What the function `score` of the file says of the rows. Raises ScorerError for whatever goes wrong in it."""
    function = _guarded(path, lambda: _function(path))
    outputs = {name: Answered.of(output) for name, output in rows.outputs.items()}
    count = len(rows.truth)
    return _guarded(path, lambda: contributions(function(rows.truth, outputs, dict(rows.columns)), count))


def _function(path: Path) -> Callable[..., object]:
    spec = importlib.util.spec_from_file_location("jinsu_scorer", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules["jinsu_scorer"] = module  # where dataclasses look for what the file defines
    spec.loader.exec_module(module)
    function = getattr(module, _FUNCTION, None)
    if not callable(function):
        raise ScorerError(f"it defines no function {_FUNCTION}(truth, outputs, rows); write one.")
    found: Callable[..., object] = function
    return found


def _guarded(path: Path, call: Callable[[], _Result]) -> _Result:
    try:
        return call()
    except ScorerError:
        raise
    except MemoryError:
        raise ScorerError(
            f"{_line(path)}it needs more memory than a scorer may take; work on fewer rows at a time."
        ) from None
    except BaseException as problem:
        said = f"{type(problem).__name__}: {_text(problem)}".rstrip(": ")
        raise ScorerError(f"{_line(path)}{said}; the problem's owner corrects the scorer.") from None


def _line(path: Path) -> str:
    """The last line of the scorer's own that the error passed, such as `line 12: `."""
    problem = sys.exc_info()[1]
    if isinstance(problem, SyntaxError) and problem.filename == str(path):
        return f"line {problem.lineno}: "
    own = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__ if problem else None)
        if frame.filename == str(path)
    ]
    return f"line {own[-1].lineno}: " if own else ""


def _text(problem: BaseException) -> str:
    """What an error says; the code that makes the text is the scorer's too."""
    try:
        said = problem.msg if isinstance(problem, SyntaxError) else str(problem)
    except BaseException:
        return ""
    return " ".join(said.split())[:_LONGEST]


def write_answer(stream: BinaryIO, answer: Mapping[str, np.ndarray] | str) -> None:
    """Writes the numbers, or a sentence that says why there are none."""
    if isinstance(answer, str):
        stream.write(json.dumps({"error": answer}).encode() + b"\n")
        return
    forms = {
        name: "share" if values.dtype == bool else ("mean", "ratio")[values.ndim - 1] for name, values in answer.items()
    }
    stream.write(json.dumps({"metrics": forms}).encode() + b"\n")
    for values in answer.values():
        stream.write(np.ascontiguousarray(values).tobytes())


def main() -> None:
    folder, name, memory = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    code = folder / CODE
    found: Mapping[str, np.ndarray] | str
    try:
        with (folder / ROWS).open("rb") as stream:
            rows = Rows(*pickle.load(stream))  # noqa: S301  the evaluation wrote it
        confine(code, alone=True)
        found = score(code / name, rows)
    except ScorerError as problem:
        found = str(problem)
    except MemoryError:
        found = "the held-out rows need more memory than a scorer may take; hold out fewer rows."
    sys.stdout.flush()
    write_answer(answer, found)
    answer.flush()
    os._exit(0)  # threads that the scorer started end with it


if __name__ == "__main__":
    main()
