"""The plan of a problem's split: how its rows are divided into training and held-out rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

TRAIN_FILE, EVAL_FILE = "train.parquet", "eval.parquet"
"""Files of the two sides: the rows that a training gets, and the held-out rows, which the platform keeps."""


class Way(StrEnum):
    """How a plan tells the two sides apart."""

    KEY = "key"
    """By the hash of the row's key: about the same share of the keys in every version."""
    TIME = "time"
    """By a column of times: everything from the cut on is held out."""
    STRATIFIED = "stratified"
    """By the hash of the key, with a threshold for each value of a column."""
    GIVEN = "given"
    """By a column that says it."""


@dataclass(frozen=True)
class Plan:
    """How a problem's rows are divided.

    keys: the columns whose values name a row, never the target: a row with another label is the same row. Where a time or a
    given column decides, these are all columns that say something about the row itself, because equal features at another
    time are another row. share: of the rows, between 0 and 1. column: of the time, the stratum or the given side; "" for a
    plan by key. cut: the first time that is held out. thresholds: by stratum, the hash below which a key is held out. held:
    the values of `column` that are held out.
    """

    way: Way
    keys: tuple[str, ...]
    share: float
    column: str = ""
    cut: float | str | None = None
    thresholds: Mapping[str, int] = field(default_factory=dict)
    held: tuple[str, ...] = ()


def by_row(plan: Plan) -> bool:
    """Whether rows of one key have one side in whatever table they stand."""
    return plan.way in (Way.KEY, Way.TIME)
