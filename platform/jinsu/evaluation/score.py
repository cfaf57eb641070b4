"""A score: a metric's value with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A metric's value, its 95 % interval, and the number of rows behind it.

    low, high: NaN where the rows are too few for an interval; `note` says why then.
    """

    value: float
    low: float
    high: float
    rows: int
    note: str = ""

    @property
    def certain(self) -> bool:
        """Whether the score has an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def in_words(self, sign: str = "") -> str:
        """The value and its interval, such as `0.9832 (0.9640 to 0.9923)`; `sign="+"` writes the sign of a difference."""
        if not self.certain:
            return f"{self.value:{sign}.4f} (not enough rows for an interval)"
        return f"{self.value:{sign}.4f} ({self.low:{sign}.4f} to {self.high:{sign}.4f})"
