"""Reads `model.yaml` and turns every problem into a sentence: where, what, and what to write instead."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from jinsu.errors import BadInputError
from jinsu.spec.document import read_yaml
from jinsu.spec.model import ModelSpec

FILE_NAME = "model.yaml"
_MAX_BYTES = 64 * 1024


def read_spec(folder: Path) -> ModelSpec:
    """The spec in `folder/model.yaml`. Raises `BadInputError` naming every field that is wrong."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise BadInputError(f"{path}: there is no such file; `jinsu init` writes a first one.")
    if path.stat().st_size > _MAX_BYTES:
        raise BadInputError(f"{path}: larger than 64 KiB; a spec describes a model, data belongs in a dataset.")
    return parse_spec(path.read_text(encoding="utf-8"), str(path))


def parse_spec(text: str, source: str = FILE_NAME) -> ModelSpec:
    """A spec from YAML text; messages call the text `source`. Raises BadInputError as `read_spec` does."""
    return spec_from(read_yaml(text, source), source)


def spec_from(document: object, source: str = FILE_NAME) -> ModelSpec:
    """A spec from plain data, as JSON or YAML gives it. Raises BadInputError as `read_spec` does."""
    if not isinstance(document, Mapping):
        raise BadInputError(
            f"{source}: expected fields such as 'name:' and 'train:', found {_type_in_words(document)}."
        )
    try:
        return ModelSpec.model_validate(document)
    except ValidationError as failure:
        raise BadInputError("\n".join(f"{source}: {line}" for line in explain(failure))) from None


def explain(failure: ValidationError) -> Iterator[str]:
    """One sentence for each field that is wrong, with the field's place in the document first."""
    explained: set[str] = set()
    for error in failure.errors(include_url=False):
        path = [part for part in error["loc"] if not _is_union_branch(part)]
        place = ".".join(str(part) for part in path)
        if "[key]" in error["loc"]:
            error["type"] = "string_pattern_mismatch"
        elif len(path) < len(error["loc"]) and error["type"] != "string_pattern_mismatch":
            error["msg"] = "text, a number, or true or false"
        if place not in explained:
            yield _sentence(place, path, error)
        explained.add(place)


def _is_union_branch(part: object) -> bool:
    # Pydantic puts the branch of a union that it tried into the path; the branch is no field of the document.
    return part in ("bool", "int", "float", "str", "[key]")


def _sentence(place: str, path: list[Any], error: Mapping[str, Any]) -> str:
    kind, value = error["type"], error["input"]
    match kind:
        case "extra_forbidden":
            return f"{place}: unknown field{_suggestion(path)}"
        case "missing":
            return f"{place}: is missing{_example(path)}."
        case "value_error":
            message = str(error["ctx"]["error"])
            quoted = "" if isinstance(value, Mapping | BaseModel | list) else f"{_shorten(value)} "
            return f"{place}: {quoted}{message}." if place else f"{message}."
        case "string_pattern_mismatch":
            return f"{place}: {_shorten(value)} is not allowed{_example(path) or _pattern_help(path)}."
        case "literal_error":
            return f"{place}: {_shorten(value)} is not one of {error['ctx']['expected']}."
        case "invalid_key":
            return f"{place}: field names are text{_suggestion(path)}"
        case "too_short" | "string_too_short":
            return f"{place}: is empty{_example(path)}."
        case "model_type" | "model_attributes_type" | "dict_type":
            names = ", ".join(list(_fields(path))[:3])
            return f"{place}: {_shorten(value)} is wrong; it holds fields{f' such as {names}' if names else ''}."
        case _:
            message = error["msg"].removeprefix("Input should be ")
            return f"{place}: {_shorten(value)} is wrong; it should be {message}{_example(path)}."


def _pattern_help(path: list[Any]) -> str:
    if path and path[-1] in ("name", "team"):
        return "; use 1 to 40 lower-case letters, digits, '-' and '_'"
    return "; parameter names are letters, digits and '_'"


def _suggestion(path: list[Any]) -> str:
    names = list(_fields(path[:-1]))
    close = difflib.get_close_matches(str(path[-1]), names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(names)}." if names else "."


def _fields(path: list[Any]) -> Mapping[str, Any]:
    model: Any = ModelSpec
    for part in path:
        field = model.model_fields.get(part) if _is_model(model) else None
        model = field.annotation if field else None
    return model.model_fields if _is_model(model) else {}


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _example(path: list[Any]) -> str:
    field = _fields(path[:-1]).get(str(path[-1])) if path else None
    examples = getattr(field, "examples", None)
    return f"; write it like {examples[0]}" if examples else ""


def _type_in_words(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _shorten(value: object) -> str:
    """The beginning of a value, at most 60 characters: YAML aliases can make a kilobyte stand for gigabytes."""
    text = _SHORT.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2
