"""The published JSON Schemas of `model.yaml`, `problem.yaml` and `policy.yaml`, and the reference page made from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jinsu.spec.model import ModelSpec
from jinsu.spec.policy import PolicySpec
from jinsu.spec.problem import ProblemSpec

DOCUMENTS: dict[str, type[BaseModel]] = {"model": ModelSpec, "problem": ProblemSpec, "policy": PolicySpec}
"""The documents that people write, each by its file's stem."""


def json_schema(document: str = "model") -> dict[str, Any]:
    """JSON Schema (2020-12) that editors use to complete and check a document."""
    schema = DOCUMENTS[document].model_json_schema(mode="validation")
    identity = f"https://jinsu.dev/schema/{document}.json"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": identity, **schema}


def schema_text(document: str = "model") -> str:
    """Content of `docs/DOCUMENT.schema.json`."""
    return json.dumps(json_schema(document), indent=2) + "\n"


def reference_page() -> str:
    """Content of `docs/spec.md`: a table for each part of each document, with a row for each field."""
    lines = [
        "# model.yaml, problem.yaml and policy.yaml, field by field",
        "",
        "Generated from the schemas by `make docs`; do not edit. Editors complete a file with",
        "`# yaml-language-server: $schema=docs/model.schema.json` as its first line (`problem`, `policy` alike).",
        "What each document is for: [problems](problems.md), [people](people.md).",
        "",
    ]
    for name, document in DOCUMENTS.items():
        lines += [f"# {name}.yaml", ""]
        lines.extend(_tables("", document))
    return "\n".join(lines) + "\n"


def _tables(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    parts: list[tuple[str, type[BaseModel]]] = []
    yield f"## {prefix or 'top level'}"
    yield ""
    yield (model.__doc__ or "").strip()
    yield ""
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation is not ProblemSpec:
            parts.append((f"{prefix}.{name}".lstrip("."), annotation))
            default = "required" if field.is_required() else "see below"
            yield f"| `{name}` | [{annotation.__name__}](#{prefix.replace('.', '')}{name}) | {default} | {annotation.__doc__} |"
        else:
            yield f"| `{name}` | {_field_type(model, name)} | {_default(field)} | {field.description or ''} |"
    yield ""
    for path, part in parts:
        yield from _tables(path, part)


def _field_type(model: type[BaseModel], name: str) -> str:
    shape = model.model_json_schema(mode="validation")["properties"][name]
    branches = [branch for branch in shape.get("anyOf", shape.get("oneOf", [shape])) if branch.get("type") != "null"]
    return " or ".join(_branch(branch) for branch in branches)


def _branch(shape: dict[str, Any]) -> str:
    if "$ref" in shape:
        return "a whole [problem](#problemyaml)" if shape["$ref"].endswith("/ProblemSpec") else _named(shape["$ref"])
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    kind = str(shape.get("type", "value"))
    if kind == "array":
        return f"list of {_branch(shape['items'])}" if "items" in shape else "list"
    if kind == "string" and "examples" in shape:
        return f"like `{shape['examples'][0]}`"
    bounds = [f"{sign} {shape[key]:g}" for key, sign in _BOUNDS if key in shape]
    return kind + (f", {', '.join(bounds)}" if bounds else "")


def _named(reference: str) -> str:
    """The values of an enum, by its place in the schemas."""
    name = reference.rpartition("/")[2]
    found = next(schema["$defs"][name] for schema in map(json_schema, DOCUMENTS) if name in schema.get("$defs", {}))
    return _branch(found)


_BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "none" if value is None or value in ([], {}) else f"`{value}`"
