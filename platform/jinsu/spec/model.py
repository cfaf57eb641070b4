"""The schema of `model.yaml`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from jinsu.spec.parts import IMAGE, NAME, Canary, Part, ReviewBounds, ServeBounds
from jinsu.spec.problem import Guardrail, Metric, ProblemSpec
from jinsu.spec.quantity_types import Bytes, Threshold

Scalar = Annotated[bool | int | float | str, Field(union_mode="left_to_right")]
Params = dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], Scalar]

NAMED, INLINE = "[named]", "[inline]"
"""How messages of the schema call the two ways to give a problem; no field has such a name."""


class Resources(Part):
    """What one training process may use."""

    gpu: int = Field(0, ge=0, le=16, description="Whole GPUs.")
    gpu_type: str | None = Field(None, description="A GPU type that the platform's values name.")
    cpu: float = Field(1, gt=0, le=256, description="CPU cores.")
    memory: Bytes = Field(2 * 2**30, description="Memory of all its processes together.")
    hours: float = Field(1, gt=0, le=24 * 14, description="Wall-clock limit in hours; queueing does not count.")


class Train(Part):
    """The researcher's process."""

    command: str = Field(
        min_length=1,
        description="Started without a shell, in the folder of model.yaml: no &&, no pipes, no $VARIABLES.",
    )
    params: Params = Field(default_factory=dict, description="Read by `jinsu.params(...)`.")
    trials: list[Params] = Field(
        default_factory=list,
        max_length=16,
        description="Each entry overrides params in a process of its own; the best by the evaluation metric goes on.",
    )
    resources: Resources = Field(default_factory=lambda: Resources())
    requirements: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="File of the folder with the packages that the command imports, one a line. Without: `requirements.txt` "
        "where there is one; `null` for none.",
        examples=["requirements.txt"],
    )
    image: str | None = Field(
        None,
        pattern=IMAGE,
        max_length=500,
        description="On Kubernetes, the image to train in: one of the policy's `images`. Without: the platform's.",
    )
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

    @model_validator(mode="after")
    def _one_environment(self) -> Train:
        if self.image and self.requirements:
            raise ValueError("an image brings its own packages; name requirements or image, not both")
        return self


class Evaluate(Part):
    """Where this model is held to more than its problem demands."""

    min: float | None = Field(None, description="Least value of the problem's metric, when it is maximized.")
    max: float | None = Field(None, description="Greatest value of the problem's metric, when it is minimized.")
    vs_champion: Threshold | None = Field(None, description="Least difference to the champion on the same rows.")
    guardrails: dict[Metric, Guardrail] = Field(default_factory=dict, description="Bounds of other metrics.")
    slices: dict[str, Guardrail] = Field(
        default_factory=dict, description="Bounds that each value of a slice must keep."
    )
    max_folded: float | None = Field(None, ge=0, le=1, description="Largest share of rows in the `other` label.")


class Release(Part):
    """From a registered version to the champion."""

    review: ReviewBounds = Field(default_factory=ReviewBounds)
    canary: Canary = Field(default_factory=Canary)


def _way(value: object) -> str:
    return INLINE if isinstance(value, Mapping | ProblemSpec) else NAMED


Quantization = Literal["int8"]
"""How a model is quantised: weights of matrices and tables become whole numbers of eight bits."""


class Serve(ServeBounds):
    """What live traffic may expect of the model, and what it is served as."""

    quantize: Quantization | None = Field(
        None,
        description="Weights of eight bits. The quantised model is what is evaluated and served. Without: as it was saved.",
    )
    gpu: int | None = Field(
        None,
        ge=0,
        le=1,
        description="GPUs of each model server. The model is checked and evaluated on one too. Without: 0.",
    )

    @model_validator(mode="after")
    def _one_saving(self) -> Serve:
        if self.gpu and self.quantize:
            raise ValueError("weights of eight bits are computed on the CPU; name quantize or gpu, not both")
        return self


class ModelSpec(Part):
    """A model as a researcher describes it: `model.yaml`. Beside its problem it may only be stricter."""

    name: str = Field(pattern=NAME, description="Name in the registry and in the endpoint's address.")
    problem: Annotated[
        Annotated[Annotated[str, Field(pattern=NAME)], Tag(NAMED)] | Annotated[ProblemSpec, Tag(INLINE)],
        Discriminator(_way),
    ] = Field(
        description="The problem that it answers: a name, or the problem itself.",
        examples=["categories", "{dataset: digits, metric: accuracy, min: 0.9}"],
    )
    features: list[str] | None = Field(
        None, min_length=1, description="Columns that it reads, in order, among those that the problem allows."
    )
    train: Train
    evaluate: Evaluate = Field(default_factory=Evaluate)
    serve: Serve = Field(default_factory=Serve)
    release: Release = Field(default_factory=Release)
