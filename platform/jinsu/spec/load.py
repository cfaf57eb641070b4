"""Reads `model.yaml`, `problem.yaml` and `policy.yaml`, and turns every mistake into a sentence: where, what, and what to
write instead."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from jinsu.errors import BadInputError
from jinsu.spec.command import shell_syntax
from jinsu.spec.document import read_yaml
from jinsu.spec.former import former_sections, in_the_present_form
from jinsu.spec.model import INLINE, NAMED, ModelSpec
from jinsu.spec.plain import check_plain
from jinsu.spec.policy import PolicySpec
from jinsu.spec.problem import BOUNDED, LISTED, ProblemSpec

FILE_NAME, PROBLEM_FILE, POLICY_FILE = "model.yaml", "problem.yaml", "policy.yaml"
_MAX_BYTES = 64 * 1024
_MOST_LINES = 20

_Document = TypeVar("_Document", bound=BaseModel)


def read_spec(folder: Path) -> ModelSpec:
    """The spec in `folder/model.yaml`. Raises `BadInputError` naming every field that is wrong."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise BadInputError(f"{path}: there is no such file; `jinsu init` writes a first one.")
    return parse_spec(read_small(path), str(path))


def read_small(path: Path) -> str:
    """The text of a document. Raises BadInputError for a file that is no document of a few pages."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInputError(f"{path}: larger than 64 KiB; a spec describes a model, data belongs in a dataset.")
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise BadInputError(f"{path}: cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInputError(f"{path}: is not text in UTF-8.") from None


def parse_spec(text: str, source: str = FILE_NAME) -> ModelSpec:
    """A spec from YAML text; messages call the text `source`. Raises BadInputError as `read_spec` does."""
    if len(text) > _MAX_BYTES:
        raise BadInputError(f"{source}: larger than 64 KiB; a spec describes a model, data belongs in a dataset.")
    return new_spec_from(read_yaml(text, source), source)


def new_spec_from(document: object, source: str = FILE_NAME) -> ModelSpec:
    """A spec that nobody has admitted yet, from plain data. Raises BadInputError as `read_spec` does.

    It is refused when its command needs a shell. A run that was admitted before may have such a command.
    """
    spec = spec_from(document, source)
    if found := shell_syntax(spec.train.command):
        raise BadInputError(
            f"{source}: train.command: {found}, and no shell reads the command, so the script would get this as an "
            "argument; write it into a script of the folder (command: bash run.sh), or in quotes when it is an argument."
        )
    return spec


def spec_from(document: object, source: str = FILE_NAME) -> ModelSpec:
    """A spec from plain data, as JSON or YAML gives it. Raises BadInputError as `read_spec` does.

    A document in the form of version 0.1 gets one sentence with the lines to write instead.
    """
    check_plain(document, source)
    if isinstance(document, Mapping) and (lines := in_the_present_form(document)):
        raise BadInputError(
            f"{source}: data and evaluate.metric have moved into the problem, and the team is yours; "
            f"in place of {' and '.join(former_sections(document))} write:\n{lines}"
        )
    return _validated(ModelSpec, document, source, "'name:' and 'train:'")


def problem_from(document: object, source: str = PROBLEM_FILE) -> ProblemSpec:
    """A problem from plain data. Raises BadInputError naming every field that is wrong."""
    return _validated(ProblemSpec, document, source, "'name:' and 'dataset:'")


def policy_from(document: object, source: str = POLICY_FILE) -> PolicySpec:
    """A policy from plain data. Raises BadInputError naming every field that is wrong."""
    return _validated(PolicySpec, {} if document is None else document, source, "'review:' and 'canary:'")


def _validated(kind: type[_Document], document: object, source: str, such_as: str) -> _Document:
    check_plain(document, source)
    if not isinstance(document, Mapping):
        raise BadInputError(f"{source}: expected fields such as {such_as}, found {_type_in_words(document)}.")
    try:
        return kind.model_validate(document)
    except ValidationError as failure:
        lines = [f"{source}: {line}" for line in islice(explain(failure, kind), _MOST_LINES + 1)]
        more = [f"{source}: and more of the kind."] if len(lines) > _MOST_LINES else []
        raise BadInputError("\n".join([*lines[:_MOST_LINES], *more])) from None


def explain(failure: ValidationError, kind: type[BaseModel] = ModelSpec) -> Iterator[str]:
    """One sentence for each field that is wrong, with the field's place in the document first."""
    explained: set[str] = set()
    for error in failure.errors(include_url=False):
        path = [part for part in error["loc"] if not _is_union_branch(part)]
        place = ".".join(_on_one_line(str(part)) for part in path)
        if "[key]" in error["loc"]:
            error["type"] = "string_pattern_mismatch"
        elif error["loc"] and error["loc"][-1] in _UNIONS and error["type"] != "string_pattern_mismatch":
            error["msg"] = _UNIONS[error["loc"][-1]]
        if place not in explained:
            yield _sentence(place, path, error, kind)
        explained.add(place)


def _on_one_line(name: str) -> str:
    """The beginning of a field's name, which may be any text."""
    line = " ".join(name.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


_SCALAR = "text, a number, or true or false"
_UNIONS = {
    "bool": _SCALAR,
    "int": _SCALAR,
    "float": _SCALAR,
    "str": "text or a list of texts",
    "list[str]": "a list of texts",
}
"""What a field of several types takes, by the branch that pydantic tried."""


def _is_union_branch(part: object) -> bool:
    # Pydantic puts the branch of a union that it tried into the path; the branch is no field of the document.
    return part in (*_UNIONS, "[key]", NAMED, INLINE, LISTED, BOUNDED)


def _sentence(place: str, path: list[Any], error: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, value = error["type"], error["input"]
    match kind:
        case "extra_forbidden":
            return f"{place}: unknown field{_suggestion(path, model)}"
        case "missing":
            return f"{place}: is missing{_example(path, model)}."
        case "value_error":
            message = str(error["ctx"]["error"])
            quoted = "" if isinstance(value, Mapping | BaseModel | list) else f"{_shorten(value)} "
            return f"{place}: {quoted}{message}." if place else f"{message}."
        case "string_pattern_mismatch":
            return f"{place}: {_shorten(value)} is not allowed{_example(path, model) or _pattern_help(path)}."
        case "literal_error":
            return f"{place}: {_shorten(value)} is not one of {error['ctx']['expected']}."
        case "invalid_key":
            return f"{place}: field names are text{_suggestion(path, model)}"
        case "too_short" | "string_too_short":
            return f"{place}: is empty{_example(path, model)}."
        case "model_type" | "model_attributes_type" | "dict_type":
            names = ", ".join(list(_fields(path, model))[:3])
            return f"{place}: {_shorten(value)} is wrong; it holds fields{f' such as {names}' if names else ''}."
        case _:
            message = error["msg"].removeprefix("Input should be ")
            return f"{place}: {_shorten(value)} is wrong; it should be {message}{_example(path, model)}."


def _pattern_help(path: list[Any]) -> str:
    if path and path[-1] in ("name", "team"):
        return "; use 1 to 40 lower-case letters, digits, '-' and '_'"
    return "; parameter names are letters, digits and '_'"


def _suggestion(path: list[Any], kind: type[BaseModel]) -> str:
    names = list(_fields(path[:-1], kind))
    close = difflib.get_close_matches(str(path[-1]), names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(names)}." if names else "."


def _fields(path: list[Any], kind: type[BaseModel]) -> Mapping[str, Any]:
    model: Any = kind
    for part in path:
        field = model.model_fields.get(part) if _is_model(model) else None
        model = _section(field.annotation) if field else None
    return model.model_fields if _is_model(model) else {}


def _section(annotation: Any) -> Any:
    """The schema behind a field's type; of several types, the one that is a schema."""
    return next((part for part in _flat(annotation) if _is_model(part)), annotation)


def _flat(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _flat(part)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _example(path: list[Any], kind: type[BaseModel]) -> str:
    if path[-2:-1] == ["guardrails"]:
        return '; write it like ">= 0.9" (in quotes)'
    field = _fields(path[:-1], kind).get(str(path[-1])) if path else None
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
