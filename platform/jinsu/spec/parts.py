"""What the schemas of `model.yaml`, `problem.yaml` and `policy.yaml` share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jinsu.spec.quantity_types import Seconds

NAME = r"^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$"
IMAGE = r"^[a-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$"
"""An image by its digest: a tag may name another image tomorrow."""
Name = Annotated[str, Field(pattern=NAME)]


class Part(BaseModel):
    """A section of a document: no field but the named ones, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ServeBounds(Part):
    """What live traffic may expect of the model."""

    max_latency_ms: float | None = Field(
        None, gt=0, description="Greatest budget of one single-row prediction at the 99th percentile. Without: 100."
    )
    parity_tolerance: float | None = Field(
        None,
        gt=0,
        le=0.1,
        description="Largest relative difference between the original and the packaged model. Without: 0.0001.",
    )
    quantization_loss: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Largest loss of the metric by `serve.quantize`, as a share of its value before. Without: 0.01.",
    )
    gpu: int | None = Field(
        None,
        ge=0,
        le=1,
        description="Most GPUs that a model server may hold. Without: 1, or 0 where the policy's `resources.gpu` is 0.",
    )


class ReviewBounds(Part):
    """Who must approve a candidate before it meets live traffic."""

    approvers: int | None = Field(
        None,
        ge=0,
        le=5,
        description="How many people must approve. Without: 1. 0 asks nobody, where the policy allows it.",
    )


class CanaryBounds(Part):
    """How carefully a challenger's share of live traffic must grow."""

    first_step: int | None = Field(None, ge=1, le=100, description="Greatest first share of traffic, in percent.")
    every: Seconds | None = Field(None, description="Least time on each step.")
    min_requests: int | None = Field(
        None, ge=1, description="Least number of the challenger's answers before a step may pass."
    )
    max_error_increase: float | None = Field(
        None, gt=0, le=1, description="Greatest rise of the error rate that may be tolerated."
    )
    max_latency_ratio: float | None = Field(
        None, gt=1, description="Greatest ratio of the 95th-percentile latencies that may be tolerated."
    )


class ReleaseBounds(Part):
    """From a registered version to the champion."""

    review: ReviewBounds = Field(default_factory=ReviewBounds)
    canary: CanaryBounds = Field(default_factory=CanaryBounds)


class SubmissionBounds(Part):
    """How often the held-out rows may be looked at."""

    per_day: int | None = Field(None, ge=1, description="Submissions of one person in 24 hours. Without: no limit.")


def increasing(steps: list[int]) -> list[int]:
    """Raises ValueError for shares of traffic that do not grow."""
    if any(later <= earlier for earlier, later in zip(steps, steps[1:], strict=False)):
        raise ValueError(f"{steps} does not increase; write it like [5, 25, 50]")
    return steps


class Canary(Part):
    """How the challenger's share of live traffic grows."""

    steps: list[Annotated[int, Field(ge=1, le=100)]] | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="Percent of traffic, increasing; 100 follows by promotion. Without: [5, 25, 50].",
    )
    every: Seconds | None = Field(None, description="Least time on each step. Without: 60s.")
    min_requests: int | None = Field(
        None, ge=1, description="Answers of the challenger needed before a step may pass. Without: 50."
    )
    deadline: Seconds | None = Field(
        None, description="Time on one step after which missing traffic reverts the rollout. Without: 1h."
    )
    max_error_increase: float | None = Field(
        None, gt=0, le=1, description="Tolerated rise of the error rate. Without: 0.02."
    )
    max_latency_ratio: float | None = Field(
        None, gt=1, description="Tolerated ratio of the 95th-percentile latencies. Without: 2."
    )

    @field_validator("steps")
    @classmethod
    def _increasing(cls, steps: list[int] | None) -> list[int] | None:
        return steps if steps is None else increasing(steps)
