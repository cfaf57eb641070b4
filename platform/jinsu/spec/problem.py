"""The schema of `problem.yaml`: what is predicted, from which data, and how every model that answers it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from jinsu.spec.metrics import KNOWN_NAMES, Better, Kind, Metric, better_of, form_of, kind_of, known, measures
from jinsu.spec.parts import NAME, Part, ReleaseBounds, ServeBounds, SubmissionBounds
from jinsu.spec.quantity_types import Threshold

DATASET = r"^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?(@(latest|[0-9a-f]{8,64}))?$"

LISTED, BOUNDED = "[listed]", "[bounded]"
"""How messages of the schema call the two ways to name slices; no field has such a name."""
_OF_KINDS = {
    "query": Kind.RANKING,
    "series": Kind.FORECASTING,
    "scale": Kind.FORECASTING,
    "threshold": Kind.RETRIEVAL,
    "peak": Kind.IMAGE_TO_IMAGE,
    "reward": Kind.POLICY,
    "propensity": Kind.POLICY,
    "scorer": Kind.CUSTOM,
    "direction": Kind.CUSTOM,
}
"""Lines that only one kind of problem has."""


class Split(Part):
    """Which rows are held out. The first version decides: a row that was held out once stays held out."""

    holdout: float = Field(0.2, gt=0, lt=1, description="Share of the rows that are held out.")
    by: str | list[str] | None = Field(
        None, description="Column or columns whose equal values stay on one side (a customer, a product)."
    )
    time: str | None = Field(None, description="Column of times or numbers: the latest rows are held out.")
    stratify: str | None = Field(None, description="Column of which every value is held out in the same share.")
    column: str | None = Field(None, description="Column that says it: rows with a value of `held` are held out.")
    held: list[str] = Field(default_factory=lambda: ["test"], min_length=1, description="Values of `column`, as text.")

    @property
    def keys(self) -> list[str]:
        """The columns of `by`."""
        return [] if self.by is None else [self.by] if isinstance(self.by, str) else list(self.by)

    @property
    def columns(self) -> list[str]:
        """Every column that the split names."""
        return [*self.keys, *(name for name in (self.time, self.stratify, self.column) if name)]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("by", "time", "stratify", "column") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} contradict each other; keep one of them")
        if self.held != ["test"] and self.column is None:
            raise ValueError("held: has no meaning without column; write {column: NAME, held: [VALUE]}")
        return self


def _slices_as(value: object) -> str:
    return BOUNDED if isinstance(value, Mapping) else LISTED


SCORER = r"^[A-Za-z0-9_][A-Za-z0-9_./ -]*\.py$"


class Direction(StrEnum):
    """Which way a metric of a scorer is better."""

    MAXIMIZE = "maximize"
    """A greater value is better: `min` bounds it."""
    MINIMIZE = "minimize"
    """A smaller value is better: `max` bounds it."""


_SCHEMA: dict[str, Any] = {
    "if": {"not": {"properties": {"kind": {"const": Kind.CUSTOM}}, "required": ["kind"]}},
    "then": {"properties": {"metric": KNOWN_NAMES, "guardrails": {"propertyNames": KNOWN_NAMES}}},
}
"""Only a problem of kind custom has metrics of other names."""


class Judging(Part):
    """What makes a model good enough to be shown to a reviewer: measured on the held-out rows."""

    model_config = ConfigDict(json_schema_extra=_SCHEMA)

    kind: Kind | None = Field(None, strict=False, description="What the target is; it follows from the metric.")
    metric: Metric = Field(description="What is measured.", examples=["accuracy"])
    min: float | None = Field(None, description="Least value of a metric that is maximized.")
    max: float | None = Field(None, description="Greatest value of a metric that is minimized.")
    vs_champion: Threshold | None = Field(
        None, description="Least difference to the champion on the same rows; above zero is better."
    )
    guardrails: dict[Metric, Guardrail] = Field(
        default_factory=dict, description="Bounds of other metrics of the same kind.", examples=['{f1_macro: ">= 0.6"}']
    )
    max_folded: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Largest share of rows that the model may put into its `other` label instead of telling them apart.",
    )
    slices: Slices = Field(
        default_factory=list,
        description="Columns to report separately; with a bound such as `{shop: '>= 0.6'}`, each value of the column must keep it.",
    )
    query: str | None = Field(
        None, description="Ranking: column of the query or user whose rows are ranked by one score each."
    )
    series: str | None = Field(None, description="Forecasting: column that tells the series apart, such as a product.")
    scale: str | None = Field(
        None, description="Forecasting: column of the mean squared change of the series in the past; `rmsse` needs it."
    )
    threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Retrieval: least cosine similarity at which `pair_f1` calls two rows a pair; 0.5.",
    )
    peak: float | None = Field(
        None, gt=0, description="Image to image: greatest value of a pixel; 1, or 255 for instance."
    )

    reward: str | None = Field(None, description="Policy: column of what came of the action; more is better.")
    propensity: str | None = Field(
        None, description="Policy: column of the probability with which the action was taken, above 0."
    )
    scorer: str | None = Field(
        None,
        pattern=SCORER,
        description="Custom: file of Python, relative to this document, whose function `score` measures the answers.",
        examples=["scorer.py"],
    )
    direction: Direction | None = Field(None, strict=False, description="Custom: which way the metric is better.")

    @field_validator("metric", "guardrails")
    @classmethod
    def _known(cls, named: str | dict[str, str], info: ValidationInfo) -> str | dict[str, str]:
        if info.data.get("kind") is not Kind.CUSTOM:
            for name in [named] if isinstance(named, str) else named:
                known(name)
        return named

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.measured_by(self.metric):
            known = ", ".join(measures(self.judged_as))
            raise ValueError(f"metric: {self.metric!r} does not measure {self.judged_as}; write one of {known}")
        for name, kind in _OF_KINDS.items():
            if getattr(self, name) is not None and self.judged_as is not kind:
                raise ValueError(f"{name}: has no meaning for the kind {self.judged_as}; it belongs to {kind}")
        if self.judged_as is Kind.FORECASTING and "rmsse" in {self.metric, *self.guardrails} and self.scale is None:
            raise ValueError(
                "scale: is missing; rmsse needs the column of each series' mean squared change in the past"
            )
        if self.judged_as is Kind.CUSTOM and (self.scorer is None or self.direction is None):
            raise ValueError(
                "scorer, direction: both are needed for the kind custom; write `scorer: scorer.py` and `direction: maximize` or "
                "`direction: minimize`"
            )
        if self.judged_as is Kind.POLICY and (self.reward is None or self.propensity is None):
            raise ValueError("reward, propensity: both columns are needed to judge a policy")
        self._bounded()
        for column, bound in self.slice_bounds.items():
            if not bound.startswith(self.slice_sign):
                raise ValueError(
                    f"slices.{column}: {bound!r} bounds the wrong side of {self.metric!r}; write {self.slice_sign} and a number"
                )
        return self

    @property
    def slice_bounds(self) -> dict[str, str]:
        """The bound of each column that gates."""
        return (
            {column: bound for column, bound in self.slices.items() if bound} if isinstance(self.slices, dict) else {}
        )

    @property
    def slice_sign(self) -> str:
        """The side on which a slice is bounded."""
        return ">=" if self.maximize else "<="

    def _bounded(self) -> None:
        """Raises ValueError for a bound that has no meaning for its metric."""
        unused, used = ("max", "min") if self.maximize else ("min", "max")
        if getattr(self, unused) is not None:
            raise ValueError(f"{unused}: has no meaning for {self.metric!r}; write {used!r}")
        for name in self.guardrails:
            if name == self.metric:
                raise ValueError(f"guardrails.{name}: it is the metric itself; write {used!r}")
            if not self.measured_by(name):
                raise ValueError(f"guardrails.{name}: {name!r} measures another kind of target than {self.metric!r}")

    @property
    def judged_as(self) -> Kind:
        """The kind that is named, or that follows from the metric."""
        return self.kind or kind_of(self.metric)

    def measured_by(self, metric: str) -> bool:
        """Whether a metric measures targets of this kind."""
        if self.judged_as is Kind.CUSTOM:
            return True
        form = form_of(metric)
        return form is not None and self.judged_as in form.kinds

    @property
    def better(self) -> Better:
        """Which way the metric is better."""
        return self.better_of(self.metric)

    def better_of(self, metric: str) -> Better:
        """Which way a metric is better. Of a scorer's other metrics only the sides of their bounds are known."""
        if self.judged_as is not Kind.CUSTOM:
            return better_of(metric)
        return Better.SMALLER if self.direction is Direction.MINIMIZE else Better.GREATER

    @property
    def maximize(self) -> bool:
        """Whether a greater value of the metric is better."""
        return self.better is Better.GREATER

    @property
    def unread(self) -> list[str]:
        """Columns that only the judge reads, which are no features."""
        return [name for name in (self.scale, self.reward, self.propensity) if name is not None]


class ProblemSpec(Judging):
    """A problem as its owner describes it: `problem.yaml`, or the section `problem` of `model.yaml`."""

    name: str | None = Field(
        None, pattern=NAME, description="Name of the problem. Written inside model.yaml, it is that of the model."
    )
    dataset: str = Field(
        pattern=DATASET, description="Dataset; its latest version, unless one is named.", examples=["digits"]
    )
    target: str = Field("label", min_length=1, description="Column that is predicted.")
    features: list[str] | None = Field(
        None, min_length=1, description="Columns that a model may read. Default: every column but the target."
    )
    split: Split = Field(default_factory=Split)
    expectations: str | None = Field(
        None, description="File of Great Expectations expectations, relative to this document."
    )
    serve: ServeBounds = Field(default_factory=ServeBounds)
    release: ReleaseBounds = Field(default_factory=ReleaseBounds)
    submissions: SubmissionBounds = Field(default_factory=SubmissionBounds)

    @field_validator("dataset")
    @classmethod
    def _latest(cls, dataset: str) -> str:
        return dataset.removesuffix("@latest")  # two ways to write one thing are no change of the problem

    @model_validator(mode="after")
    def _judged_fairly(self) -> Self:
        if self.target in (self.features or []):
            raise ValueError(f"features: {self.target!r} is the target; a model must not read what it predicts")
        for column in self.unread:
            if self.features is None:
                raise ValueError(
                    f"features: are missing; without them a model would read {column!r}, which is the judge's"
                )
            if column in self.features:
                raise ValueError(f"features: {column!r} is for the judge; no model reads it")
        if self.target in self.split.keys and self.judged_as is not Kind.RETRIEVAL:
            raise ValueError(f"split.by: {self.target!r} is the target; whole classes would be held out")
        if self.target == self.split.time:
            raise ValueError(f"split.time: {self.target!r} is the target; its greatest values would be held out")
        if self.split.column is not None and self.split.column in {self.target, *(self.features or [])}:
            raise ValueError(
                f"split.column: {self.split.column!r} says what is held out; it is no target and no feature"
            )
        return self

    @property
    def judging(self) -> Judging:
        """How candidates are scored."""
        return Judging(**{name: getattr(self, name) for name in Judging.model_fields})


Guardrail = Annotated[str, Field(pattern=r"^(>=|<=) -?[0-9]+(\.[0-9]+)?$", examples=[">= 0.9"])]
"""A bound as people write it: `>= 0.9` or `<= 12.5`."""
Slices = Annotated[
    Annotated[Annotated[list[str], Field(max_length=8)], Tag(LISTED)]
    | Annotated[Annotated[dict[str, Guardrail | None], Field(max_length=8)], Tag(BOUNDED)],
    Discriminator(_slices_as),
]
"""Columns, or columns with the bound that each of their values must keep."""
Judging.model_rebuild()

__all__ = ["Better", "Guardrail", "Judging", "Kind", "Metric", "ProblemSpec", "Split"]
