"""Long JSON arrays of numbers are decoded in pieces, so that a thread that decodes one leaves the others their turns.

Python changes threads between two calls into C, and a call that decodes three megabytes takes longer than a model does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LONG = 1 << 16
"""Bytes of JSON from which on an array is decoded in pieces."""
_PIECE = 1 << 15
_BLANK = b" \t\r\n"

Decode = Callable[[bytes], Sequence[Any]]
"""Decodes a flat JSON array of numbers, and raises for everything else."""


def nested_numbers(text: bytes, row: tuple[int, ...], decode: Decode, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Rows of numbers that all have the shape `row`; None for a text that is not nested like rows of that shape.

    Raises whatever `decode` raises, and ValueError.
    """
    nesting, innermost = [], []
    for part in text.split(b"]"):
        around, bracket, values = part.rpartition(b"[")
        nesting.append((around if bracket else values).translate(None, _BLANK) + bracket)
        if bracket:
            innermost.append(values)
    count, rest = divmod(len(innermost), math.prod(row[:-1]))
    if rest or b"]".join(nesting) != _nesting((count, *row[:-1])):
        return None
    if {values.count(b",") for values in innermost} != {row[-1] - 1}:
        return None
    return _together(innermost, decode, dtype, count * math.prod(row)).reshape((count, *row))


def flat_numbers(values: bytes, decode: Decode, dtype: np.dtype[Any]) -> np.ndarray:
    """Numbers between commas, without the brackets of their array. Raises whatever `decode` raises, and ValueError."""
    parts, start = [], 0
    while start <= len(values):
        end = values.find(b",", start + _PIECE)
        end = len(values) if end < 0 else end
        parts.append(values[start:end])
        start = end + 1
    return _together(parts, decode, dtype, values.count(b",") + 1)


def _together(parts: Sequence[bytes], decode: Decode, dtype: np.dtype[Any], count: int) -> np.ndarray:
    """The `count` numbers of all parts, each of which is numbers between commas."""
    found, filled, first, size = np.empty(count, dtype), 0, 0, 0
    for place, part in enumerate(parts, 1):
        size += len(part)
        if size >= _PIECE or place == len(parts):
            numbers = np.array(decode(b"[" + b",".join(parts[first:place]) + b"]"), dtype)
            if not len(numbers):
                break
            found[filled : filled + len(numbers)] = numbers
            filled, first, size = filled + len(numbers), place, 0
    if filled != count:
        raise ValueError("a number is missing")
    return found


def _nesting(shape: tuple[int, ...]) -> bytes:
    """The brackets and commas of so many innermost arrays without what is in them."""
    inner = b"[]"
    for axis in reversed(shape):
        inner = b"[" + (inner + b",") * (axis - 1) + inner + b"]"
    return inner
