"""Everything that the evidence of a candidate shows, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinsu.data.validation import Validation
from jinsu.evaluation.report import Report
from jinsu.packaging.findings import Latency, Parity
from jinsu.steps.metrics import MetricPoint


@dataclass(frozen=True)
class Lineage:
    """dataset: `NAME@DIGITS`. code: digest of the snapshot. training, package: run keys."""

    dataset: str
    code: str
    training: str
    package: str


@dataclass(frozen=True)
class TrainingFacts:
    """seconds: how long the script ran. peak_memory in bytes. metrics: the last value of each."""

    seconds: float
    peak_memory: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Facts:
    """What the stages before `register` have found.

    spec: the whole spec, as JSON. champion: the version that the candidate was compared with. curve: every logged metric.
    """

    submission: str
    model: str
    submitter: str
    spec: Mapping[str, Any]
    lineage: Lineage
    validation: Validation
    evaluation: Report
    champion: str | None
    parity: Parity
    latency: Latency
    training: TrainingFacts
    curve: Sequence[MetricPoint]
    trials: int
