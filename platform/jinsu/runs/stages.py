"""The nine stages of the lifecycle, and what each of them leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from jinsu.evaluation.score import Score
from jinsu.packaging.findings import Latency, Parity


class StageName(StrEnum):
    """The stages, in their order."""

    ADMIT = "admit"
    """Pins the dataset, checks spec, code and resources, and opens the MLflow run."""
    VALIDATE_DATA = "validate_data"
    """Runs Great Expectations over every row and cuts the held-out part."""
    TRAIN = "train"
    """Runs the researcher's script, one process a trial."""
    PACKAGE = "package"
    """Proves that the exported model is whole, finite, faithful to the original and fast enough."""
    EVALUATE = "evaluate"
    """Scores the packaged model and the champion on the same held-out rows."""
    REGISTER = "register"
    """Files exactly one version in MLflow, with its evidence."""
    REVIEW = "review"
    """Asks a person, and waits for the answer."""
    CANARY = "canary"
    """Asks for a rollout, and waits until the controller has decided it."""
    PROMOTE = "promote"
    """Moves the alias `champion` and writes the ledger."""


ORDER = tuple(StageName)


@dataclass(frozen=True)
class Admitted:
    """dataset: the pinned version, `NAME@DIGITS`. trials: how many processes the stage `train` starts."""

    dataset: str
    trials: int


@dataclass(frozen=True)
class Validated:
    """run_key: the step that holds both parts of the rows. page: this validation's file within the Data Docs."""

    run_key: str
    checks: int
    rows: int
    page: str


@dataclass(frozen=True)
class Trained:
    """One trial. seconds: how long the script ran; peak_memory in bytes; metrics: the last value of each."""

    run_key: str
    seconds: float
    peak_memory: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Packaged:
    """run_key: the package, which is what will be evaluated and served. trial: which one it was made from."""

    run_key: str
    trial: int
    parity: Parity
    latency: Latency


@dataclass(frozen=True)
class Evaluated:
    """champion: the version on the same rows, and `gain` how much better the candidate is; None without a champion."""

    run_key: str
    champion: str | None
    metric: str
    overall: Score
    gain: Score | None
    rows: int


@dataclass(frozen=True)
class Registered:
    """version: the candidate's number in MLflow. run_key: its package."""

    version: str
    run_key: str


@dataclass(frozen=True)
class Reviewed:
    """reviewer: who approved. via: through which door."""

    version: str
    reviewer: str
    via: str


@dataclass(frozen=True)
class RolledOut:
    """version: the challenger that may be promoted. champion: the version before it, or ""."""

    version: str
    champion: str
    reason: str


@dataclass(frozen=True)
class Promoted:
    """version: the champion now. previous: the champion before."""

    version: str
    previous: str | None = field(default=None)


StageOutput = Admitted | Validated | Trained | Packaged | Evaluated | Registered | Reviewed | RolledOut | Promoted

OUTPUTS: Mapping[StageName, type[StageOutput]] = MappingProxyType(
    {
        StageName.ADMIT: Admitted,
        StageName.VALIDATE_DATA: Validated,
        StageName.TRAIN: Trained,
        StageName.PACKAGE: Packaged,
        StageName.EVALUATE: Evaluated,
        StageName.REGISTER: Registered,
        StageName.REVIEW: Reviewed,
        StageName.CANARY: RolledOut,
        StageName.PROMOTE: Promoted,
    }
)
_STAGES: Mapping[type[object], StageName] = {output: stage for stage, output in OUTPUTS.items()}


def stage_of(output: type[object]) -> StageName:
    """The stage that leaves this kind of output."""
    return _STAGES[output]
