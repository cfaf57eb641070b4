"""The result of a dataset's validation: a check for each expectation, and the verdict over all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One expectation with its arguments, whether the rows meet it, and the values that were observed."""

    expectation: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Verdict:
    """All checks of one table. `page` is the Data Docs file of this validation, relative to the docs folder."""

    passed: bool
    checks: tuple[Check, ...]
    page: str

    @property
    def failed(self) -> list[str]:
        """One sentence for each expectation that does not hold."""
        return [f"{check.expectation}: {check.detail}" for check in self.checks if not check.passed]


@dataclass(frozen=True)
class Validation(Verdict):
    """A verdict with the number of rows, and how many of them train and are held out (0 when the data failed).

    repeated: share of the held-out rows whose features stand in a training row too.
    """

    rows: int
    train_rows: int = 0
    eval_rows: int = 0
    repeated: float = 0.0
