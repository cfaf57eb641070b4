"""The schema of `policy.yaml`: what the platform demands of every model of a team."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jinsu.spec.parts import IMAGE, CanaryBounds, Part, ServeBounds, SubmissionBounds


class ReviewPolicy(Part):
    """Who must approve a candidate of the team."""

    approvers: int = Field(1, ge=0, le=5, description="Least number of people who must approve.")
    self_approval: bool = Field(False, description="Whether a submitter's own approval counts.")
    days: float = Field(3, gt=0, le=90, description="Days until a reviewer is reminded, and every day after.")


class ResourcePolicy(Part):
    """The most that one training of the team may ask for."""

    gpu: int | None = Field(None, ge=0, description="Whole GPUs.")
    hours: float | None = Field(None, gt=0, description="Wall-clock hours.")


class PolicySpec(Part):
    """A team's policy. Administrators put it; problems and models of the team may only be stricter."""

    review: ReviewPolicy = Field(default_factory=ReviewPolicy)
    serve: ServeBounds = Field(default_factory=ServeBounds)
    canary: CanaryBounds = Field(default_factory=CanaryBounds)
    submissions: SubmissionBounds = Field(default_factory=SubmissionBounds)
    resources: ResourcePolicy = Field(default_factory=ResourcePolicy)
    egress: list[Annotated[str, Field(max_length=255)]] = Field(
        default_factory=list,
        max_length=20,
        description="What trainings of the team may reach beyond their own files: names of the installation's `egress`, and "
        "on one machine hosts too, such as `pypi.org`. Without a name they reach nothing.",
    )
    images: list[Annotated[str, Field(pattern=IMAGE, max_length=500)]] = Field(
        default_factory=list,
        max_length=50,
        description="Images that `train.image` may name, each as `NAME@sha256:…`. An image holds Jinsu's package and its Python.",
    )
