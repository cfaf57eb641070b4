"""The tree of errors that is drawn at the head of `jinsu.errors` is the tree of its classes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinsu import errors

_LINE = re.compile(
    r"^ {4}(?P<branch>[ │├└─]*)(?P<name>[A-Z]\w+) +(?P<exit>\d+)  (?P<when>\S.*?\S) {2,}(?P<retry>yes|no)\b"
)


@dataclass(frozen=True)
class Entry:
    """One error: its class, its parent, its exit code, and whether a retry helps."""

    name: str
    parent: str
    exit_code: int
    retry: bool


def drawn() -> Iterator[Entry]:
    """Every line of the drawing; a branch is three characters wide."""
    above: list[str] = []
    for match in map(_LINE.match, (errors.__doc__ or "").splitlines()):
        if match is None:
            continue
        depth = len(match["branch"]) // 3
        parent = above[depth - 1] if depth else "Exception"
        above[depth:] = [match["name"]]
        yield Entry(match["name"], parent, int(match["exit"]), match["retry"] == "yes")


def defined() -> Iterator[Entry]:
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.JinsuError):
            assert kind.__base__ is not None
            yield Entry(name, kind.__base__.__name__, kind.exit_code, issubclass(kind, errors.TransientError))


def test_the_drawing_is_the_tree_of_classes() -> None:
    assert sorted(drawn(), key=lambda entry: entry.name) == sorted(defined(), key=lambda entry: entry.name)


def test_every_error_below_the_two_bases_has_an_exit_code_of_its_own() -> None:
    """An error below these is one of them, and ends a command in the same way."""
    codes = [entry.exit_code for entry in defined() if entry.parent in ("JinsuError", "PermanentError")]
    codes.remove(1)  # PermanentError's, which is JinsuError's
    assert len(set(codes)) == len(codes)


def test_no_error_of_another_room_is_outside_the_drawing() -> None:
    pending: list[type[errors.JinsuError]] = [errors.JinsuError]
    while pending:
        kind = pending.pop()
        assert kind.__module__ == errors.__name__
        pending += kind.__subclasses__()
