"""The metrics that a problem may name: which kinds of problem each one measures, and which way is better."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema


class Kind(StrEnum):
    """What the target is."""

    CLASSIFICATION = "classification"
    """One of several classes."""
    MULTILABEL = "multilabel"
    """Any number of labels: the target is a list, or one 0 or 1 for each label."""
    REGRESSION = "regression"
    """A number."""
    QUANTILES = "quantiles"
    """A number, answered with quantiles of where it may lie."""
    FORECASTING = "forecasting"
    """A number of a series at a later time."""
    RANKING = "ranking"
    """How relevant an item is for a query or a user; or the list of the relevant items."""
    RETRIEVAL = "retrieval"
    """A group of rows that belong together; the model answers embeddings."""
    IMAGE_TO_IMAGE = "image_to_image"
    """A picture."""
    POLICY = "policy"
    """The action that was taken; what another action would have brought is unknown."""
    CUSTOM = "custom"
    """Whatever a scoring function of the problem's owner compares with the answers."""


class Better(StrEnum):
    """Which way a metric is better."""

    GREATER = "greater"
    """A greater value is better: `min` bounds it."""
    SMALLER = "smaller"
    """A smaller value is better: `max` bounds it."""
    NEAR_ZERO = "near zero"
    """The value has a sign, and the nearer to zero the better: `max` bounds its distance from zero."""


@dataclass(frozen=True)
class MetricForm:
    """A metric, or a family of them: `{k}` in the name stands for a whole number from 1 to 1000."""

    name: str
    kinds: tuple[Kind, ...]
    better: Better = Better.GREATER

    @property
    def pattern(self) -> str:
        """A regular expression of the names."""
        return self.name.replace("{k}", "([1-9][0-9]{0,2}|1000)")


_C, _M, _R, _Q, _F = Kind.CLASSIFICATION, Kind.MULTILABEL, Kind.REGRESSION, Kind.QUANTILES, Kind.FORECASTING
_RANK, _RET, _I, _P = Kind.RANKING, Kind.RETRIEVAL, Kind.IMAGE_TO_IMAGE, Kind.POLICY

FORMS = (
    MetricForm("accuracy", (_C,)),
    MetricForm("balanced_accuracy", (_C,)),
    MetricForm("f1_macro", (_C, _M)),
    MetricForm("f1_weighted", (_C, _M)),
    MetricForm("roc_auc", (_C,)),
    MetricForm("average_precision", (_C,)),
    MetricForm("log_loss", (_C,), Better.SMALLER),
    MetricForm("top_{k}_accuracy", (_C,)),
    MetricForm("calibration_error", (_C,), Better.SMALLER),
    MetricForm("f1_micro", (_M,)),
    MetricForm("f1_samples", (_M,)),
    MetricForm("subset_accuracy", (_M,)),
    MetricForm("hamming_loss", (_M,), Better.SMALLER),
    MetricForm("mae", (_R, _F), Better.SMALLER),
    MetricForm("rmse", (_R, _F), Better.SMALLER),
    MetricForm("r2", (_R,)),
    MetricForm("mape", (_R,), Better.SMALLER),
    MetricForm("pinball", (_Q,), Better.SMALLER),
    MetricForm("interval_coverage", (_Q,)),
    MetricForm("coverage_gap", (_Q,), Better.NEAR_ZERO),
    MetricForm("wape", (_F,), Better.SMALLER),
    MetricForm("rmsse", (_F,), Better.SMALLER),
    MetricForm("bias", (_F,), Better.NEAR_ZERO),
    MetricForm("ndcg_at_{k}", (_RANK,)),
    MetricForm("recall_at_{k}", (_RANK, _RET)),
    MetricForm("mrr", (_RANK,)),
    MetricForm("item_coverage_at_{k}", (_RANK,)),
    MetricForm("popularity_bias_at_{k}", (_RANK,), Better.NEAR_ZERO),
    MetricForm("pair_f1", (_RET,)),
    MetricForm("mean_average_precision", (_RET,)),
    MetricForm("psnr", (_I,)),
    MetricForm("ssim", (_I,)),
    MetricForm("snips", (_P,)),
    MetricForm("ips", (_P,)),
    MetricForm("dr", (_P,)),
    MetricForm("switch_dr", (_P,)),
    MetricForm("dm", (_P,)),
    MetricForm("effective_sample_size", (_P,)),
    MetricForm("largest_weight", (_P,), Better.SMALLER),
)


def form_of(name: str) -> MetricForm | None:
    """The form of a metric's name; None for a name that no metric has."""
    return next((form for form in FORMS if re.fullmatch(form.pattern, name)), None)


def number_in(name: str) -> int:
    """The `{k}` of a metric's name: 5 of `top_5_accuracy`."""
    form = form_of(name)
    found = re.fullmatch(form.pattern, name) if form else None
    assert found is not None
    return int(found.group(1))


def measures(kind: Kind) -> tuple[str, ...]:
    """The metrics of a kind, as they are written; `{k}` stands for a number."""
    return tuple(form.name for form in FORMS if kind in form.kinds)


def kind_of(metric: str) -> Kind:
    """The kind that a problem with this metric has when it names none."""
    form = form_of(metric)
    assert form is not None
    return form.kinds[0]


def better_of(metric: str) -> Better:
    """Which way the metric is better."""
    form = form_of(metric)
    assert form is not None
    return form.better


def examples() -> list[str]:
    """A name of each form, to compare a mistyped one with."""
    return [form.name.replace("{k}", "10") for form in FORMS]


def known(name: str) -> str:
    """The name. Raises ValueError for one that no metric of ours has."""
    if form_of(name) is None:
        close = difflib.get_close_matches(name, examples(), 1)
        meant = f"did you mean {close[0]!r}?" if close else f"write one of {', '.join(form.name for form in FORMS)}"
        raise ValueError(f"{name!r} is no metric; {meant}")
    return name


CUSTOM_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_.: /-]{0,98}[A-Za-z0-9_])?"
"""The names of metrics that a scorer may return: those that MLflow takes, at most 100 characters."""


def is_custom_name(name: str) -> bool:
    """Whether a scorer may return a metric of this name. MLflow reads a name as a path, which must not lead elsewhere."""
    return re.fullmatch(CUSTOM_NAME, name) is not None and not {"", ".", ".."} & set(name.split("/"))


def _possible(name: str) -> str:
    if not is_custom_name(name):
        return known(name)
    return name


KNOWN_NAMES: dict[str, list[dict[str, Any]]] = {
    "anyOf": [
        {"enum": [form.name for form in FORMS if "{" not in form.name]},
        *(
            {"type": "string", "pattern": f"^{form.pattern}$", "examples": [form.name.replace("{k}", "10")]}
            for form in FORMS
            if "{" in form.name
        ),
    ]
}
"""The JSON Schema of the names of our metrics."""
_OF_SCORERS = {"type": "string", "pattern": f"^{CUSTOM_NAME}$", "examples": ["profit"]}

Metric = Annotated[str, AfterValidator(_possible), WithJsonSchema({"anyOf": [*KNOWN_NAMES["anyOf"], _OF_SCORERS]})]
"""The name of a metric: one of ours, or one that the scorer of a problem of kind custom returns."""
