"""Writes docs/sdk.md, what a training script may call, from the docstrings of the SDK.

python -m tests.architecture.sdk_page
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import jinsu
from jinsu import sdk

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
_FIELD = re.compile(r"([a-z_]+(?:, [a-z_]+)*): (.*)")
_INNER = ("prepend", "as_input")
"""Methods that jinsu.save calls, and scripts do not."""


def page() -> str:
    """The whole page."""
    names = dir(sdk)
    functions = [name for name in names if inspect.isfunction(getattr(jinsu, name))]
    classes = [name for name in names if name not in functions]
    listed = "\n".join(
        f"| [`jinsu.{name}`](#jinsu{name.lower()}) | {_summary(name)} |" for name in [*functions, *classes]
    )
    parts = [
        "# What a training script may call",
        "<!-- Written by `make docs` from the docstrings; `help(jinsu)` shows them too. -->",
        *_blocks(inspect.getdoc(jinsu) or "", ()),
        f"| | |\n|---|---|\n{listed}",
        *(block for name in functions for block in _function(f"jinsu.{name}", getattr(jinsu, name), "##")),
        *(block for name in classes for block in _class(name)),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(name: str) -> str:
    doc = (inspect.getdoc(getattr(jinsu, name)) or "").partition("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.])\s", doc)[0].replace("|", "\\|")


def _function(name: str, function: Any, level: str) -> Iterator[str]:
    yield f"{level} `{name}`"
    yield _code(_signature(name, function))
    yield from _blocks(inspect.getdoc(function) or "", inspect.signature(function).parameters)


def _class(name: str) -> Iterator[str]:
    kind = getattr(jinsu, name)
    yield f"## `jinsu.{name}`"
    yield _code(_signature(f"jinsu.{name}", kind))
    yield from _blocks(inspect.getdoc(kind) or "", inspect.signature(kind).parameters)
    for member, value in vars(kind).items():
        found = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        label = (
            f"jinsu.{name}.{member}" if isinstance(value, staticmethod | classmethod) else f"{name.lower()}.{member}"
        )
        if member in _INNER or (member.startswith("_") and member != "__call__"):
            continue
        if isinstance(found, property):
            yield f"`{label}`: {_joined(inspect.getdoc(found) or '')}"
        elif inspect.isfunction(found):
            called = name.lower() if member == "__call__" else label
            yield f"`{_signature(called, found, one_line=True)}`"
            yield from _blocks(inspect.getdoc(found) or "", inspect.signature(found).parameters)


def _signature(name: str, called: Any, one_line: bool = False) -> str:
    """The call without types, which the text explains."""
    words, starred = [], False
    for one in inspect.signature(called).parameters.values():
        if one.name in ("self", "cls") or one.name.startswith("_"):
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            words.append("*")
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        default = "" if one.default is one.empty else f"={one.default!r}"
        words.append(f"{mark}{one.name}{default}")
    line = f"{name}({', '.join(words)})"
    return line if one_line or len(line) <= 88 else f"{name}(\n    {', '.join(words)}\n)"


def _blocks(doc: str, parameters: Any) -> Iterator[str]:
    """The parts of a docstring: paragraphs, code where it is indented after an empty line, and arguments as a list."""
    code: list[str] = []
    text: list[str] = []
    for line in [*doc.splitlines(), ""]:
        starts = not text or not text[-1]
        if line.startswith("    ") and (code or starts):
            code.append(line)
        elif code and not line:
            code.append("")
        elif code:
            yield from _code_of(code)
            code, text = [], [line]
        elif line:
            text.append(line)
        else:
            yield from _paragraphs("\n".join(text), parameters)
            text = []
    if code:
        yield from _code_of(code)
    yield from _paragraphs("\n".join(text), parameters)


def _code_of(lines: list[str]) -> Iterator[str]:
    yield _code(dedent("\n".join(lines)).strip())


def _paragraphs(part: str, parameters: Any) -> Iterator[str]:
    text: list[str] = []
    items: list[str] = []
    for line in part.splitlines():
        field = _FIELD.fullmatch(line)
        if field and all(name in parameters for name in field[1].split(", ")):
            items.append(f"- {', '.join(f'`{name}`' for name in field[1].split(', '))}: {field[2]}")
        elif items and (line.startswith("    ") or not re.match(r"[A-Z]", line)):
            items[-1] += f" {line.strip()}"
        elif items:
            yield _joined("\n".join(text)) if text else "\n".join(items)
            if text:
                yield "\n".join(items)
            text, items = [line], []
        else:
            text.append(line)
    if text:
        yield _joined("\n".join(text))
    if items:
        yield "\n".join(items)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _code(text: str) -> str:
    return f"```python\n{text.rstrip()}\n```"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
