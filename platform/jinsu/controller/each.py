"""One run's trouble, or one model's, holds up no other's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from jinsu.errors import JinsuError

_Item = TypeVar("_Item")


def each_of(*parts: Callable[[], None]) -> None:
    """Does every part of a pass. Raises what went wrong, as one error, once every part has had its turn."""
    for_each(parts, lambda part: part())


def for_each(items: Iterable[_Item], work: Callable[[_Item], None]) -> None:
    """Does the work for every item. Raises what went wrong, as one error, once every item has had its turn."""
    problems: list[JinsuError] = []
    for item in items:
        try:
            work(item)
        except JinsuError as problem:
            problems.append(problem)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise JinsuError("; ".join(dict.fromkeys(str(problem) for problem in problems)))
