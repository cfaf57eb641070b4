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
    """What a candidate was made from.

    dataset: `NAME@DIGITS`. code: digest of the snapshot. training, package: run keys of the two steps. environment: what the
    training ran in, with the digest of its lock. packages: what the lock installed, as `NAME==VERSION`; "" for nothing.
    lock: run key of the step that holds the lock, or "".
    """

    dataset: str
    code: str
    training: str
    package: str
    environment: str = ""
    packages: str = ""
    lock: str = ""


@dataclass(frozen=True)
class TrainingFacts:
    """What the training used and logged.

    seconds: how long the script ran. peak_memory: bytes. metrics: the last value of each logged metric, by name.
    """

    seconds: float
    peak_memory: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Facts:
    """What the stages before `register` have recorded.

    submitter: a person's name, team: whose model it is. spec: the whole spec, as JSON. rules: what decided, each line with its
    value and its document. differences: aspect, line, champion's and candidate's value. looks: how many runs were scored
    on the same held-out rows. champion: the version that the candidate was compared with,
    or None. curve: points of every logged metric, at most 1000 of each. trials: number of trials. code: the file of a python
    model; "" for an ONNX file.
    """

    submission: str
    model: str
    submitter: str
    team: str
    spec: Mapping[str, Any]
    rules: Sequence[tuple[str, str, str]]
    differences: Sequence[tuple[str, str, str, str]]
    looks: int
    lineage: Lineage
    validation: Validation
    evaluation: Report
    champion: str | None
    parity: Parity
    latency: Latency
    training: TrainingFacts
    curve: Sequence[MetricPoint]
    trials: int
    code: str = ""
