"""What the process of each stage takes and leaves, as data.

The command line of `python -m jinsu.lifecycle` and the Kubeflow components in `components/` are made from this module. The
lines below the fields are shown to Kubeflow's users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_origin, get_type_hints

from jinsu.runs.stages import OUTPUTS, Admitted, StageName


class Kind(StrEnum):
    """The type of a parameter, by its name in Kubeflow's component format."""

    STRING = "String"
    """Text, as it is."""
    INTEGER = "Integer"
    """A whole number, as JSON."""
    FLOAT = "Float"
    """A number, as JSON."""
    OBJECT = "JsonObject"
    """A JSON object; `{}` stands for none, because Kubeflow takes no `null` here."""
    ARRAY = "JsonArray"
    """A JSON array; `[]` stands for none."""


@dataclass(frozen=True)
class Input:
    """What a stage takes. default: as text; None when the input must be given."""

    name: str
    kind: Kind
    meaning: str
    default: str | None = None

    @property
    def option(self) -> str:
        return f"--{self.name.replace('_', '-')}"


@dataclass(frozen=True)
class Output:
    """What a stage leaves."""

    name: str
    kind: Kind

    def text(self, value: Any) -> str:
        """The value, as `jinsu.codec` encodes it, as Kubeflow reads it from a file."""
        if self.kind is Kind.STRING:
            return "" if value is None else str(value)
        empty: Any = {Kind.OBJECT: {}, Kind.ARRAY: []}.get(self.kind)
        return json.dumps(empty if value is None else value, allow_nan=False)


@dataclass(frozen=True)
class AdmittedTrials:
    """What the process of the stage `admit` leaves."""

    dataset: str
    """The pinned version, `NAME@DIGITS`."""
    trials: tuple[str, ...]
    """The numbers of the trials, as text: Kubeflow's loops hand text to a component."""

    @staticmethod
    def of(admitted: Admitted) -> AdmittedTrials:
        return AdmittedTrials(admitted.dataset, tuple(str(trial) for trial in range(admitted.trials)))


SUBMISSION = Output("submission", Kind.STRING)
SUBMISSION_MEANING = "Id of the run, as `jinsu runs` shows it."
_RUN = (Input("submission", Kind.STRING, SUBMISSION_MEANING),)

INPUTS: Mapping[StageName, tuple[Input, ...]] = MappingProxyType(
    {
        **dict.fromkeys(StageName, _RUN),
        StageName.ADMIT: (
            Input(
                "model", Kind.STRING, "A model whose code the platform has: an example, or one submitted before.", ""
            ),
            Input("problem", Kind.STRING, "The problem that it answers; empty for the one of the code.", ""),
            Input("train_params", Kind.OBJECT, 'Overrides of train.params, such as {"epochs": 10}.', "{}"),
            Input("submission", Kind.STRING, "Id of a submission that was made before; then no model is named.", ""),
            Input("run_name", Kind.STRING, "The run's name in the engine that executes the stages.", ""),
            Input("user", Kind.STRING, "Account of the person who starts the run; another person reviews it.", ""),
            Input("team", Kind.STRING, "For which team, when the model is new and the person is in several.", ""),
        ),
        StageName.TRAIN: (*_RUN, Input("trial", Kind.STRING, "Which of train.trials, as a number from 0.", "0")),
    }
)
LEFT: Mapping[StageName, type[Any]] = MappingProxyType({**OUTPUTS, StageName.ADMIT: AdmittedTrials})
"""The dataclass whose fields the process of a stage leaves, beside the id of the run."""


def outputs(stage: StageName) -> tuple[Output, ...]:
    """What the process of a stage leaves: the id of the run, and one output for each field of the stage's own."""
    hints = get_type_hints(LEFT[stage])
    return (SUBMISSION, *(Output(field.name, kind_of(hints[field.name])) for field in fields(LEFT[stage])))


def kind_of(annotation: Any) -> Kind:
    """The kind of a field's type; that of `X | None` is that of X. Raises TypeError for a type that no kind can hold."""
    (kind,) = {_kind_of(part) for part in _parts(annotation)}
    return kind


def _parts(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is None:
        return (annotation,)
    if NoneType in get_args(annotation):
        return tuple(part for part in get_args(annotation) if part is not NoneType)
    return (get_origin(annotation),)


def _kind_of(plain: type[Any]) -> Kind:
    for kind, types in _TYPES:
        if issubclass(plain, types):
            return kind
    if is_dataclass(plain):
        return Kind.OBJECT
    raise TypeError(f"{plain}: no parameter of Kubeflow holds it")


_TYPES: tuple[tuple[Kind, type[Any]], ...] = (
    (Kind.STRING, str),
    (Kind.INTEGER, int),
    (Kind.FLOAT, float),
    (Kind.OBJECT, Mapping),
    (Kind.ARRAY, Sequence),
)
