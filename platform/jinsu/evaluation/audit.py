"""Rows that a reviewer should look at: the worst ones, and those that the candidate answers worse than the champion. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from jinsu.evaluation.calibration import reliability
from jinsu.evaluation.estimates import Case
from jinsu.evaluation.kinds.kind import JudgedKind
from jinsu.evaluation.thumbnails import channels_first, thumbnail
from jinsu.spec.metrics import Kind

SHOWN = 12
"""Rows of a list. Each shows a held-out row to whoever sees the evidence, so they are few."""
MOST_TEXT, MOST_COLUMNS = 200, 6
MOST_SCORES = 1 << 26


@dataclass(frozen=True)
class ShownRow:
    """One held-out row.

    row: its number among the held-out rows. error: how wrong the answer is, as the kind of the problem measures. truth, answer,
    champion: as texts, "" where they are none. values: what the model reads. pictures: PNG files as `data:` addresses, by
    what they are.
    """

    row: int
    error: float
    truth: str = ""
    answer: str = ""
    champion: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """What a reviewer looks at.

    worst: the rows with the greatest errors, worst first. better, worse, same: rows by whether the candidate's error is smaller
    than the champion's. lost: rows that became worse, most first. calibration: of each bin the mean confidence, the share of right
    answers and the rows.
    """

    worst: Sequence[ShownRow] = ()
    better: int = 0
    worse: int = 0
    same: int = 0
    lost: Sequence[ShownRow] = ()
    calibration: Sequence[tuple[float, float, int]] = ()


@dataclass(frozen=True)
class Seen:
    """What the models read of some rows: the columns by name, and the arrays of pictures by input."""

    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)


Look = Callable[[Sequence[int]], Seen]
"""Gives what the models read of the rows with these numbers, in this order."""


def audit(name: Kind, kind: JudgedKind, ours: Case, theirs: Case | None, look: Look) -> Audit:
    """The rows to look at."""
    bins: Sequence[tuple[float, float, int]] = ()
    if name is Kind.CLASSIFICATION and ours.scores is not None and ours.scores.size <= MOST_SCORES:
        bins = tuple(reliability(ours))
    if kind.errors is None:
        return Audit(calibration=bins)
    errors = kind.errors(ours)
    worst = [row for row in _greatest(errors) if errors[row] > 0]
    shown = _shown(worst, errors, ours, theirs, look)
    if theirs is None:
        return Audit(shown, calibration=bins)
    change = errors - kind.errors(theirs)
    if ours.classes:  # a change of the answer counts, not one of its probability
        change = (ours.truth != ours.answers).astype(float) - (theirs.truth != theirs.answers)
    lost = [row for row in _greatest(change) if change[row] > 0]
    better, worse = int(np.sum(change < 0)), int(np.sum(change > 0))
    rows = _shown(lost, errors, ours, theirs, look)
    return Audit(shown, better, worse, len(change) - better - worse, rows, bins)


def _greatest(values: np.ndarray) -> list[int]:
    """The numbers of the rows with the greatest values, greatest first."""
    order: list[int] = np.argsort(-values, kind="stable")[:SHOWN].tolist()
    return order


def _shown(rows: Sequence[int], errors: np.ndarray, ours: Case, theirs: Case | None, look: Look) -> list[ShownRow]:
    seen = look(rows)
    columns = [(name, column) for name, column in list(seen.columns.items())[:MOST_COLUMNS] if column.ndim == 1]
    return [
        ShownRow(
            row,
            float(errors[row]),
            _text(ours, ours.truth[row]),
            _text(ours, ours.answers[row]),
            "" if theirs is None else _text(theirs, theirs.answers[row]),
            {name: short(column[place]) for name, column in columns},
            _pictures(row, {name: values[place : place + 1] for name, values in seen.pictures.items()}, ours),
        )
        for place, row in enumerate(rows)
    ]


def _text(case: Case, value: object) -> str:
    if case.classes and isinstance(value, np.integer):
        return short(case.classes[int(value)])
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return ", ".join(map(str, np.flatnonzero(value)[:SHOWN].tolist())) or "none"
    if isinstance(value, np.ndarray) and value.ndim == 1 and case.levels:
        return ", ".join(short(number) for number in value)
    return short(value) if isinstance(value, np.integer | np.floating | str) else ""


def short(value: object) -> str:
    """One value as a short text without control characters."""
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    text = "".join(character if character.isprintable() else " " for character in str(value)[: MOST_TEXT + 1])
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def _pictures(row: int, seen: Mapping[str, np.ndarray], ours: Case) -> dict[str, str]:
    """PNG files of a row by what they are. seen: what the models read of the row, as arrays of one row each."""
    named = dict(seen)
    if ours.truth.ndim == 4:  # the answers are pictures themselves
        named |= {"truth": ours.truth[row : row + 1], "answer": ours.answers[row : row + 1]}
    found = {}
    for name, values in named.items():
        picture = channels_first(values)
        if picture is not None:
            top = float(np.nanmax(picture[0])) if picture.size else 1.0
            found[name] = thumbnail(picture[0], ours.levels[0] if ours.truth.ndim == 4 else 255.0 if top > 1 else 1.0)
    return found
