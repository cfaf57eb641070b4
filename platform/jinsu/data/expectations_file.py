"""The text of an expectations file, as a list of expectations. Pure."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from jinsu.errors import BadInputError
from jinsu.spec.document import read_yaml

Expectation = tuple[str, Mapping[str, Any]]


def read_expectations(text: str, source: str) -> list[Expectation]:
    """Parses entries such as `- expect_column_values_to_be_between: {column: x, min_value: 0}`.

    `source` is what messages call the file. Raises BadInputError for text that holds no list of expectations.
    """
    document = read_yaml(text, source)
    entries = document.get("expectations") if isinstance(document, Mapping) else document
    if not isinstance(entries, list) or not entries:
        raise BadInputError(
            f"{source}: holds no expectations; write a list such as '- expect_column_to_exist: {{column: x}}'."
        )
    return [_parse_entry(entry, source) for entry in entries]


def _parse_entry(entry: object, source: str) -> Expectation:
    if isinstance(entry, str):
        entry = {entry: {}}
    if not (isinstance(entry, Mapping) and len(entry) == 1):
        raise BadInputError(
            f"{source}: {reprlib.repr(entry)[:80]} is not an expectation; write '- expect_…: {{column: …}}'."
        )
    ((kind, arguments),) = entry.items()
    if not isinstance(arguments, Mapping | None):
        raise BadInputError(f"{source}: {kind}: its arguments must be a mapping such as {{column: x}}.")
    return str(kind), dict(arguments or {})
