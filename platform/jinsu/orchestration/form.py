"""Airflow's trigger form: the fields that a team's people fill in, and what they mean to the stage `admit`. Pure, but for
`read`; the DAG file imports it, so it needs the standard library alone.

Airflow's form is the same for everybody who opens it, and does not change while it is filled in. So it has a section of
parameters for each model, with the values of that model's latest code. A field that is left as it was means: as in the
code version that was chosen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinsu.clients.dag_ids import DEFAULT_TEAM
from jinsu.errors import BadInputError

Scalar = bool | int | float | str

_MOST_CODES, _MOST_MODELS = 100, 12
_MEMORY = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|K|M|G|T)$"
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_RESOURCES = {"gpu": "train.resources.gpu", "memory": "train.resources.memory", "priority": "train.priority"}
"""The field of `model.yaml` that each field of the form replaces."""


@dataclass(frozen=True)
class Code:
    """A version of a model's code that the platform has. by: who submitted it; at: when, seconds since the epoch."""

    model: str
    problem: str
    digest: str
    by: str
    at: float
    params: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What the form shows, such as `titles · mira · 24 Nov 14:03 · 3fa1c2d4`; the time is UTC."""
        when = datetime.fromtimestamp(self.at, UTC)
        return f"{self.model} · {self.by} · {when:%d %b %H:%M} · {self.digest[:8]}"


@dataclass(frozen=True)
class Choices:
    """What a team may choose from. codes: newest first."""

    problems: Sequence[str] = ()
    codes: Sequence[Code] = ()

    def latest(self) -> Mapping[str, Code]:
        """The latest code of each of the models that were submitted last."""
        found: dict[str, Code] = {}
        for code in self.codes:
            found.setdefault(code.model, code)
        return dict(list(found.items())[:_MOST_MODELS])


@dataclass(frozen=True)
class Field:
    """One field: its name, what it holds at first, its explanation, and its JSON schema."""

    name: str
    value: Scalar | None
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Filled:
    """What a person chose. overrides: values that replace those of `model.yaml`, each by its path there."""

    code: str
    problem: str
    overrides: Mapping[str, Scalar]


def read() -> dict[str, Choices]:
    """What each team may choose from, out of the small file that the platform keeps; at least the first team."""
    home = Path(os.environ.get("JINSU_HOME", Path.home() / ".jinsu"))
    path = Path(os.environ.get("JINSU_CATALOG", home / "catalog.json"))
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    return choices(document)


def choices(document: Mapping[str, Any]) -> dict[str, Choices]:
    """What each team may choose from, by a document of the catalog (`jinsu.runs.catalog.Known`)."""
    teams: Mapping[str, Mapping[str, Any]] = {DEFAULT_TEAM: {}, **document.get("teams", {})}
    taken = {code["model"] for team in teams.values() for code in team.get("codes", ())}
    examples = [code for code in document.get("examples", ()) if code["model"] not in taken]
    return {name: _choices(team, examples) for name, team in teams.items()}


def _choices(team: Mapping[str, Any], examples: Sequence[Mapping[str, Any]]) -> Choices:
    """The team's own code, newest first, and then the examples that are still nobody's model."""
    first: dict[str, Code] = {}
    for code in (*team.get("codes", ()), *examples):
        first.setdefault(code["digest"], Code(**code))
    return Choices(tuple(team.get("problems", ())), tuple(list(first.values())[:_MOST_CODES]))


def fields(offered: Choices) -> Iterator[Field]:
    """The fields of a team's form, in their order."""
    yield _one_of(
        "code",
        "Code version",
        {code.digest: code.label for code in offered.codes},
        "(choose one)",
        "Whose version of which model's code is trained. Hand over new code with: jinsu submit FOLDER",
    )
    yield _one_of(
        "problem",
        "Problem",
        {name: name for name in offered.problems},
        "(the one in model.yaml)",
        "What the model answers, and how it is judged. Leave empty for the one that the code names.",
    )
    yield from _resources()
    for code in offered.latest().values():
        for name, value in code.params.items():
            yield _parameter(code, name, value)
    description = "Leave empty: `jinsu submit` fills it."
    schema = {"type": ["string", "null"], "title": "Submission", "section": "Set by the command line", "maxLength": 40}
    yield Field("submission", None, description, schema)


def _one_of(name: str, title: str, labels: Mapping[str, str], empty: str, description: str) -> Field:
    schema = {
        "type": ["string", "null"],
        "title": title,
        "enum": [*labels, None],
        "values_display": {**labels, "None": empty},
    }
    return Field(name, None, description, schema)


def _resources() -> Iterator[Field]:
    empty = "Leave empty for the value in model.yaml."
    gpu = {"type": ["integer", "null"], "title": "GPUs", "minimum": 0, "maximum": 16}
    yield Field("gpu", None, f"Whole GPUs of each training process. {empty}", gpu)
    memory = {
        "type": ["string", "null"],
        "title": "Memory",
        "pattern": _MEMORY,
        "examples": ["2Gi", "4Gi", "8Gi", "16Gi"],
    }
    yield Field("memory", None, f"An amount such as 512Mi or 4Gi. {empty}", memory)
    levels = {name: name for name in ("low", "normal", "high")}
    explanation = f"On a full cluster a training of higher priority takes the place of a lower one. {empty}"
    yield _one_of("priority", "Priority", levels, "(the one in model.yaml)", explanation)


def _parameter(code: Code, name: str, value: Scalar) -> Field:
    schema = {
        "type": [_TYPES[type(value)], "null"],
        "title": name,
        "section": f"Parameters of {code.model}",
        **({"maxLength": 1000} if isinstance(value, str) else {}),
    }
    shown = json.dumps(value, ensure_ascii=False)
    description = f"{shown} in the latest code. Left as it is: the value of the code version that is chosen."
    return Field(f"{code.model}.{name}", value, description, schema)


def filled(values: Mapping[str, Any], offered: Choices) -> Filled:
    """What the form's values mean. Raises BadInputError when no code was chosen, or parameters of a model that was not."""
    code = next((code for code in offered.codes if code.digest == values.get("code")), None)
    if code is None:
        known = ", ".join(sorted(offered.latest())) or "none yet; submit one: jinsu submit FOLDER"
        raise BadInputError(f"code: choose the version that is to be trained; models of this team: {known}.")
    overrides: dict[str, Scalar] = {
        path: values[name] for name, path in _RESOURCES.items() if values.get(name) not in (None, "")
    }
    for name, value in values.items():
        model, dot, parameter = name.partition(".")
        if not dot or value is None or _as_in(offered.codes, model, parameter, value, code):
            continue
        if model != code.model:
            raise BadInputError(
                f"{name}: this changes model {model}, but the code that was chosen is of model {code.model}; "
                f"leave the parameters of {model} as they are, or choose code of {model}."
            )
        overrides[f"train.params.{parameter}"] = value
    return Filled(code.digest, str(values.get("problem") or ""), overrides)


def _as_in(codes: Sequence[Code], model: str, parameter: str, value: object, chosen: Code) -> bool:
    """Whether the value says: as in the code. The form showed the value of the latest code, which may not be the latest
    any more; so a parameter of another model may have that of any code."""
    of_model = [code for code in codes if code.model == model]
    relevant = [*of_model[:1], chosen] if model == chosen.model else of_model
    return any(parameter in code.params and _same(value, code.params[parameter]) for code in relevant)


def _same(one: object, other: object) -> bool:
    """Equal as JSON: 1 is 1.0, but not true."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
