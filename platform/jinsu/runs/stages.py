"""The nine stages of the lifecycle, and what each leaves. The lines below members and fields are shown to Kubeflow's users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    """What was pinned, and how much there is to do."""

    dataset: str
    """The pinned version, `NAME@DIGITS`."""
    trials: int
    """How many processes the stage `train` starts."""


@dataclass(frozen=True)
class Validated:
    """What the expectations found."""

    run_key: str
    """The step that holds both parts of the rows; empty when the data failed."""
    checks: int
    """How many expectations were checked."""
    rows: int
    """How many rows the dataset has."""
    page: str
    """This validation's file within the Data Docs."""
    docs: str = ""
    """The step that holds the Data Docs; empty when it is the one that holds the rows."""
    lock: str = ""
    """The step that locked the packages which the training asks for; empty when it asks for none."""
    environment: str = ""
    """The step that installed these packages; empty when the platform has all of them."""


@dataclass(frozen=True)
class Trained:
    """How one trial ended."""

    run_key: str
    """The step that holds the trained model."""
    seconds: float
    """How long the script ran."""
    peak_memory: int
    """The most memory that the script used, in bytes."""
    metrics: Mapping[str, float]
    """The last value of each metric that the script logged."""
    environment: str = ""
    """What the script ran in: the versions of torch and numpy, or the image's digest."""


@dataclass(frozen=True)
class Packaged:
    """The package, and what its checks measured."""

    run_key: str
    """The package, which is what will be evaluated and served."""
    trial: int
    """The trial that the package was made from."""
    parity: Parity
    """How far the packaged model's answers are from the original's."""
    latency: Latency
    """How long one prediction takes."""


@dataclass(frozen=True)
class Evaluated:
    """The candidate's score on the held-out rows."""

    run_key: str
    """The step that holds the report."""
    champion: str | None
    """The champion's version that was scored on the same rows; none when the model has no champion."""
    metric: str
    """The metric that decides."""
    overall: Score
    """Its value over all held-out rows, with an interval."""
    gain: Score | None
    """How much better the candidate is than the champion; none without a champion."""
    rows: int
    """How many rows were held out."""
    warnings: tuple[str, ...] = ()
    """One sentence for each sign that the candidate is of no use."""


@dataclass(frozen=True)
class Registered:
    """The candidate in MLflow."""

    version: str
    """The candidate's number in MLflow."""
    run_key: str
    """Its package."""


@dataclass(frozen=True)
class Reviewed:
    """An approval."""

    version: str
    """The candidate that may meet live traffic."""
    reviewer: str
    """Who approved it."""
    via: str
    """The door that the answer came through."""


@dataclass(frozen=True)
class RolledOut:
    """How the rollout ended."""

    version: str
    """The challenger that may be promoted."""
    champion: str
    """The version before it; empty when there was none."""
    reason: str
    """Why the controller decided so."""


@dataclass(frozen=True)
class Promoted:
    """Who serves now."""

    version: str
    """The champion now."""
    previous: str | None = None
    """The champion before; none when there was none."""


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
