"""The listing of a set of files: for each file its path, size, digest, and where its bytes lie.

The bytes of many files lie one after the other in packs, objects that are named by the sha256 of their content. A file that
is larger than a pack lies in several. The listing is JSON lines, so that every part of the platform reads it a line at a
time with the standard library: first a header that numbers the packs, then a line a file, sorted by path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

LISTING_FILE = "files.jsonl"
_FORMAT = 1
_LONGEST_HEADER, _LONGEST_LINE = 64 * 2**20, 2**20
_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Pack:
    """An object that holds bytes of files. size: in bytes, with what lies behind the files."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Part:
    """A range of a pack: the pack's digest, where the range begins, and how many bytes it has."""

    pack: str
    offset: int
    length: int


@dataclass(frozen=True)
class Entry:
    """One file. size: in bytes. parts: their bytes one after the other are the file's; () for an empty file."""

    path: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Header:
    """packs: by their numbers. index: a table of the files as it was sent, () for none, and the suffix of its file."""

    packs: tuple[Pack, ...]
    index: tuple[Part, ...] = ()
    suffix: str = ""


def read_header(stream: IO[bytes]) -> Header:
    """The first line of a listing. Raises ValueError with what is wrong for anything else."""
    line = stream.readline(_LONGEST_HEADER)
    document = _json(line, "the first line of the listing")
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f"the listing is not of format {_FORMAT}; another version of jinsu wrote it")
    packs = tuple(Pack(_digest(sha256), _count(size)) for sha256, size in _pairs(document.get("packs")))
    if len({pack.sha256 for pack in packs}) < len(packs):
        raise ValueError("the listing names a pack twice")
    suffix = document.get("suffix", "")
    if not isinstance(suffix, str):
        raise ValueError("the listing's suffix is no text")
    return Header(packs, _parts(document.get("index", []), packs), suffix)


def read_entries(stream: IO[bytes], header: Header) -> Iterator[Entry]:
    """The lines after the header. Raises ValueError with what is wrong for a line that is no file."""
    number = 1
    while line := stream.readline(_LONGEST_LINE):
        number += 1
        document = _json(line, f"line {number} of the listing")
        if not isinstance(document, list) or len(document) != 4 or not isinstance(document[0], str):
            raise ValueError(f"line {number} of the listing is no file")
        path, size, sha256, places = document
        parts = _parts(places, header.packs)
        if sum(part.length for part in parts) != _count(size):
            raise ValueError(f"line {number} of the listing: the parts are not as long as the file")
        yield Entry(path, size, _digest(sha256), parts)


def write_listing(stream: IO[bytes], header: Header, entries: Iterable[Entry]) -> None:
    """Writes the header and a line a file, in the order of the entries."""
    numbers = {pack.sha256: number for number, pack in enumerate(header.packs)}
    document = {
        "format": _FORMAT,
        "packs": [[pack.sha256, pack.size] for pack in header.packs],
        "index": _places(header.index, numbers),
        "suffix": header.suffix,
    }
    stream.write(_line(document))
    for entry in entries:
        stream.write(_line([entry.path, entry.size, entry.sha256, _places(entry.parts, numbers)]))


def _places(parts: Sequence[Part], numbers: dict[str, int]) -> list[list[int]]:
    return [[numbers[part.pack], part.offset, part.length] for part in parts]


def _line(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _json(line: bytes, what: str) -> object:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{what} is no JSON") from None
    return found


def _pairs(value: object) -> Iterator[tuple[object, object]]:
    if not isinstance(value, list):
        raise ValueError("the listing names no packs")
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError("the listing names a pack without its size")
        yield pair[0], pair[1]


def _parts(value: object, packs: Sequence[Pack]) -> tuple[Part, ...]:
    if not isinstance(value, list):
        raise ValueError("the parts of a file are no list")
    found = []
    for place in value:
        if not isinstance(place, list) or len(place) != 3:
            raise ValueError("a part of a file is no pack, offset and length")
        number, offset, length = (_count(item) for item in place)
        if number >= len(packs) or offset + length > packs[number].size:
            raise ValueError("a part of a file lies outside of its pack")
        found.append(Part(packs[number].sha256, offset, length))
    return tuple(found)


def _digest(value: object) -> str:
    if not isinstance(value, str) or len(value) != 64 or not _DIGITS.issuperset(value):
        raise ValueError("the listing holds a digest that is no sha256")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError("the listing holds a number that is no size")
    return value
