"""What docs/results.json holds: the figures of every example, each taken from the evidence of a run."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.support.example_runs import Judged

from jinsu.codec import decode
from jinsu.evaluation.score import Score

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "results.json"


class Verdict(StrEnum):
    """How an example stands to a baseline on the same held-out rows."""

    BETTER = "better"
    """The whole interval of the difference is above zero."""
    WORSE = "worse"
    """The whole interval is below zero."""
    ALIKE = "cannot be told apart"
    """The interval holds zero."""
    UNKNOWN = "no interval"
    """The rows are too few for an interval, or the baseline kept no floor and was not served."""


@dataclass(frozen=True)
class Figure:
    """A score as JSON can hold it: `low` and `high` are null where the rows are too few for an interval."""

    value: float
    low: float | None
    high: float | None
    rows: int

    def in_words(self, sign: str = "") -> str:
        """The value with its interval, such as `0.9832 (0.9640 to 0.9923)`."""
        if self.low is None or self.high is None:
            return f"{self.value:{sign}.4f} (no interval)"
        return f"{self.value:{sign}.4f} ({self.low:{sign}.4f} to {self.high:{sign}.4f})"


def figure_of(score: Score) -> Figure:
    """The score, with null for the ends of an interval that is not known."""
    low, high = (end if math.isfinite(end) else None for end in (score.low, score.high))
    return Figure(score.value, low, high, score.rows)


@dataclass(frozen=True)
class ModelResult:
    """One model on the problem of an example.

    name: of its folder. others: further metrics. slices: by column and value. trained, held_out: numbers of rows. seconds: of
    training. p99_ms: one prediction. memory: bytes that the training took at its peak. stopped: why it came to no reviewer, or "".
    gain: how much better the example is, paired on the same rows; of a baseline only.
    """

    name: str
    score: Figure
    others: Mapping[str, Figure]
    slices: Mapping[str, Mapping[str, Figure]]
    trained: int
    held_out: int
    seconds: float
    memory: int
    p99_ms: float
    stopped: str = ""
    gain: Figure | None = None

    @property
    def verdict(self) -> Verdict:
        """How the example stands to this baseline."""
        if self.gain is None or self.gain.low is None or self.gain.high is None:
            return Verdict.UNKNOWN
        if self.gain.low > 0:
            return Verdict.BETTER
        return Verdict.WORSE if self.gain.high < 0 else Verdict.ALIKE


@dataclass(frozen=True)
class ExampleResult:
    """An example and its baselines.

    metric: of the problem. bounds: its floor and guardrails by metric, as the problem writes them. to_beat: baselines that the
    example must beat. date: of the run. cores: of the machine.
    """

    name: str
    problem: str
    kind: str
    metric: str
    bounds: Mapping[str, str]
    to_beat: Sequence[str]
    rows: int
    date: str
    cores: int
    models: Sequence[ModelResult] = field(default_factory=tuple)


def model_result(name: str, found: Judged, gain: Score | None = None) -> ModelResult:
    """The figures of one run, as its evidence has them."""
    return ModelResult(
        name,
        figure_of(found.score),
        {metric: figure_of(score) for metric, score in found.others.items()},
        {
            column: {value: figure_of(score) for value, score in values.items()}
            for column, values in found.slices.items()
        },
        found.facts.validation.train_rows if found.facts else 0,
        found.score.rows,
        round(found.seconds, 1),
        found.peak_memory,
        round(found.p99_ms, 3),
        found.stopped,
        None if gain is None else figure_of(gain),
    )


def read() -> list[ExampleResult]:
    """What is kept, in the order of the names."""
    documents: list[Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else []
    return [decode(ExampleResult, document) for document in documents]


def keep(found: ExampleResult) -> list[ExampleResult]:
    """Writes the example in place of what was kept of it, and leaves the others as they are; returns all."""
    everything = {item.name: item for item in [*read(), found]}
    kept = [everything[name] for name in sorted(everything)]
    KEPT.write_text(json.dumps([asdict(item) for item in kept], indent=1) + "\n", encoding="utf-8")
    return kept
