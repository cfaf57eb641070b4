"""The lines of a `requirements.txt`: which packages a training asks for. Pure.

A line is a name, extras, versions and a marker, as in PEP 508. Options, addresses and paths are refused: what a training is
built from comes from the index that the platform's operator chose, and from nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinsu.errors import BadInputError

FILE_NAME = "requirements.txt"
"""The file that a training's packages are read from when `train.requirements` names no other."""
_MOST_BYTES = 64 << 10
_MOST_LINES = 300
_VERSION = r"(?:===?|[<>!~]=?)\s*[A-Za-z0-9.*+!_-]+"
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"\s*(?:\[[A-Za-z0-9._,\s-]*\])?"
    rf"\s*(?:\(?\s*{_VERSION}(?:\s*,\s*{_VERSION})*\s*,?\s*\)?)?"
    r"\s*(?:;[^\\`$]*)?"
)
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True)
class Requirement:
    """One package that is asked for. line: its number in the file, from 1 on. name: normalized as in PEP 503."""

    line: int
    name: str
    text: str


def normal_name(name: str) -> str:
    """The name by which an index knows a package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(text: str, file: str = FILE_NAME) -> tuple[Requirement, ...]:
    """What the file asks for, in its order. file: how messages call it.

    Raises BadInputError with one sentence for each line that is no plain requirement.
    """
    if len(text.encode()) > _MOST_BYTES:
        raise BadInputError(f"{file}: has more than {_MOST_BYTES >> 10} KiB; name what the script imports, no more.")
    found, refusals = [], []
    for number, line in _joined(text):
        problem = _problem(line)
        match = _LINE.fullmatch(line)
        if problem or match is None:
            refusals.append(f"{file}: line {number}: {line[:80]!r} {problem or _NO_REQUIREMENT}")
        else:
            found.append(Requirement(number, normal_name(match["name"]), line))
    if refusals:
        raise BadInputError("\n".join(refusals))
    if len(found) > _MOST_LINES:
        raise BadInputError(f"{file}: asks for {len(found)} packages, the limit is {_MOST_LINES}.")
    return tuple(found)


_NO_REQUIREMENT = "is no requirement; write it like `pandas>=2,<3`."


def _problem(line: str) -> str:
    """Why the platform takes no such line, although pip would; "" when it may be a requirement."""
    if "--hash" in line:
        return "holds a hash; leave it out, the platform locks every package with its hashes."
    if line.startswith("-"):
        return "is an option of pip; write packages only, the platform's operator chooses the index."
    if "://" in line or " @" in line or line.startswith((".", "/")):
        return "names an address or a path; write a package of the index, or put the code beside the script."
    return ""


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers; a backslash at the end joins a line with the next one."""
    begun, number = "", 0
    for place, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        number = number if begun else place
        line = begun + _COMMENT.sub("", raw).strip()
        if line.endswith("\\"):
            begun = line[:-1] + " "
            continue
        begun = ""
        if line.strip():
            yield number, line.strip()
    if begun.strip():
        yield number, begun.strip()
