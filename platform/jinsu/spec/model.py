"""The schema of `model.yaml`."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jinsu.spec.quantity_types import Bytes, Seconds, Threshold

Scalar = Annotated[bool | int | float | str, Field(union_mode="left_to_right")]
Params = dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], Scalar]

NAME = r"^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$"
DATASET = r"^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?(@(latest|[0-9a-f]{8,64}))?$"

CLASSIFICATION = ("accuracy", "balanced_accuracy", "f1_macro")
"""Metrics of classes; each is maximized."""
REGRESSION = ("mae", "rmse")
"""Metrics of numbers; each is minimized."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(_Part):
    """Which rows the model learns from, and what must be true of them."""

    dataset: str = Field(
        pattern=DATASET,
        description="Dataset and version; `@latest` is pinned when the run is admitted.",
        examples=["digits@latest"],
    )
    expectations: str | None = Field(
        None, description="File of Great Expectations expectations, relative to model.yaml."
    )
    features: list[str] | None = Field(
        None,
        min_length=1,
        description="Columns the model reads, in order. Default: every column but the target.",
    )
    target: str = Field("label", description="Column the model predicts.")
    holdout: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="Share of rows kept for evaluation; the training process never sees them.",
    )
    holdout_by: str | None = Field(
        None, description="Column whose equal values stay on one side of the split (a customer, a day)."
    )


class Resources(_Part):
    """What one training process may use."""

    gpu: int = Field(0, ge=0, le=16, description="Whole GPUs.")
    gpu_type: str | None = Field(None, description="A GPU type that the platform's values name.")
    cpu: float = Field(1, gt=0, le=256, description="CPU cores.")
    memory: Bytes = Field(2 * 2**30, description="Memory of all its processes together.")
    hours: float = Field(1, gt=0, le=24 * 14, description="Wall-clock limit in hours; queueing does not count.")


class Train(_Part):
    """The researcher's process."""

    command: str = Field(min_length=1, description="Started without a shell, in the folder of model.yaml.")
    params: Params = Field(default_factory=dict, description="Read by `jinsu.params(...)`.")
    trials: list[Params] = Field(
        default_factory=list,
        max_length=16,
        description="Each entry overrides params in a process of its own; the best by the evaluation metric goes on.",
    )
    resources: Resources = Field(default_factory=lambda: Resources())
    priority: Literal["low", "normal", "high"] = Field(
        "normal",
        description="On a full cluster a step of higher priority takes the place of a lower one, which resumes later.",
    )

    @field_validator("command")
    @classmethod
    def _splittable(cls, command: str) -> str:
        try:
            words = shlex.split(command)
        except ValueError as problem:
            raise ValueError(f"cannot be split into words ({problem}); check its quotes") from None
        if not words:
            raise ValueError("is empty; write it like 'python train.py'")
        return command


class Evaluate(_Part):
    """What makes a model good enough to be shown to a reviewer."""

    metric: Literal["accuracy", "balanced_accuracy", "f1_macro", "mae", "rmse"] = Field(
        description="Measured on the held-out rows."
    )
    direction: Literal["maximize", "minimize"] | None = Field(
        None, description="Follows from the metric; written down, it must agree with it."
    )
    min: float | None = Field(None, description="Least value of a metric that is maximized.")
    max: float | None = Field(None, description="Greatest value of a metric that is minimized.")
    vs_champion: Threshold | None = Field(
        None, description="Least difference to the champion on the same rows; above zero is better."
    )
    max_folded: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Largest share of rows that the model may put into its `other` label instead of telling them apart.",
    )
    slices: list[str] = Field(default_factory=list, max_length=8, description="Columns to report separately.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        natural = "maximize" if self.metric in CLASSIFICATION else "minimize"
        if self.direction not in (None, natural):
            raise ValueError(f"direction: {self.direction!r} contradicts metric {self.metric!r}; write {natural!r}")
        unused, used = ("max", "min") if natural == "maximize" else ("min", "max")
        if getattr(self, unused) is not None:
            raise ValueError(f"{unused}: has no meaning for {self.metric!r}; write {used!r}")
        return self

    @property
    def maximize(self) -> bool:
        """Whether a greater value of the metric is better."""
        return self.metric in CLASSIFICATION


class Serve(_Part):
    """What live traffic may expect of the model."""

    max_latency_ms: float = Field(100, gt=0, description="Budget of one single-row prediction at the 99th percentile.")
    parity_tolerance: float = Field(
        1e-4,
        gt=0,
        le=0.1,
        description="Largest relative difference between the original and the packaged model.",
    )


class Canary(_Part):
    """How the challenger's share of live traffic grows."""

    steps: list[Annotated[int, Field(ge=1, le=100)]] = Field(
        default_factory=lambda: [5, 25, 50],
        min_length=1,
        max_length=20,
        description="Percent of traffic, increasing; 100 follows by promotion.",
    )
    every: Seconds = Field(60.0, description="Least time on each step.")
    min_requests: int = Field(50, ge=1, description="Answers of the challenger needed before a step may pass.")
    deadline: Seconds = Field(3600.0, description="Time on one step after which missing traffic reverts the rollout.")
    max_error_increase: float = Field(0.02, gt=0, le=1, description="Tolerated rise of the error rate.")
    max_latency_ratio: float = Field(2.0, gt=1, description="Tolerated ratio of the 95th-percentile latencies.")

    @field_validator("steps")
    @classmethod
    def _increasing(cls, steps: list[int]) -> list[int]:
        if any(later <= earlier for earlier, later in zip(steps, steps[1:], strict=False)):
            raise ValueError(f"{steps} does not increase; write it like [5, 25, 50]")
        return steps


class Release(_Part):
    """From a registered version to the champion."""

    review: Literal["required", "none"] = Field("required", description="Whether a person must approve first.")
    canary: Canary = Field(default_factory=lambda: Canary())


class ModelSpec(_Part):
    """A model as a researcher describes it: `model.yaml`."""

    name: str = Field(pattern=NAME, description="Name in the registry and in the endpoint's address.")
    team: str = Field("default", pattern=NAME, description="Who owns it; quotas and review rules follow the team.")
    data: Data
    train: Train
    evaluate: Evaluate
    serve: Serve = Field(default_factory=lambda: Serve())
    release: Release = Field(default_factory=lambda: Release())
