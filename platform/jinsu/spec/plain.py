"""What no document may hold, whatever its schema: harmful characters, endless numbers, nesting without end. Pure."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping

from jinsu.errors import BadInputError
from jinsu.spec.characters import harmful_in

_DEEPEST, _MOST = 32, 20_000
_SHOWN = 60


def check_plain(document: object, source: str) -> None:
    """Raises BadInputError that names the field. The same object is looked at once: YAML's aliases multiply nothing here."""
    waiting: list[tuple[object, str, int]] = [(document, "", 0)]
    seen: set[int] = set()
    while waiting:
        value, place, depth = waiting.pop()
        if reason := _refused(value, depth):
            raise BadInputError(f"{source}: {f'{place}: ' if place else ''}{reason}.")
        if id(value) in seen or not isinstance(value, Mapping | list):
            continue
        seen.add(id(value))
        pairs = list(value.items()) if isinstance(value, Mapping) else list(enumerate(value))
        for name, inner in pairs:
            if isinstance(name, str) and (letter := harmful_in(name)):
                raise BadInputError(f"{source}: {place or 'a field'}: a name in it holds the character {letter}.")
            waiting.append((inner, f"{place}.{name}"[-_SHOWN:].lstrip("."), depth + 1))
        if len(waiting) + len(seen) > _MOST:
            raise BadInputError(f"{source}: holds more than {_MOST} values; data belongs in a dataset.")


def _refused(value: object, depth: int) -> str:
    """Why a value may not stand in a document; "" when it may."""
    if depth > _DEEPEST:
        return f"is nested deeper than {_DEEPEST} levels"
    if isinstance(value, str) and (letter := harmful_in(value)):
        return f"holds the character {letter}; write plain text"
    if isinstance(value, int) and value.bit_length() > 1024:
        return "is too large a number"
    if isinstance(value, bytes | set):
        return f"{reprlib.repr(value)} is no text, number or list"
    return ""
