"""What a model server and its inference process say to each other: frames of a fixed head and a body. Pure.

The server takes nothing from an inference process on trust: no pickle, and a size, a shape and a type that it checks.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np

from jinsu.packaging.arrays import Arrays

HEAD = struct.Struct("<BxHxxxxQ")
"""Kind, number of arrays, and bytes of the body."""
_PART = struct.Struct("<B7xQ8q")
"""In front of each array: number of axes, bytes, and eight axes, of which the first ones count."""
MAX_BODY = 64 << 20
"""The longest body of a frame, in bytes."""
NUMBER_BYTES = 8
"""A number on the second socket of an inference process: the batch to stop, little-endian."""
_ALIGNED = 8  # numbers of the next array begin where a processor reads them at once
_MAX_AXES = 8
_TEXTS = msgspec.msgpack.Decoder(list[str])
_encode_texts = msgspec.msgpack.Encoder().encode


class Kind(IntEnum):
    """What a frame is."""

    READY = 0
    """The model is loaded. No body."""
    ROWS = 1
    """A batch to answer."""
    ANSWERS = 2
    """The answers to the batch."""
    FAILED = 3
    """A sentence instead of the answers, or instead of READY."""
    REFUSED = 4
    """A sentence about the rows of the batch instead of the answers."""


class MalformedFrame(Exception):
    """The bytes are no frame, or its body does not fit its head."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. parts: how many arrays are in the body; 0 for a sentence."""

    kind: Kind
    parts: int
    body: bytes

    def to_bytes(self) -> bytes:
        return HEAD.pack(self.kind, self.parts, len(self.body)) + self.body

    def arrays(self, types: Sequence[np.dtype[Any]]) -> Arrays:
        """The arrays in the body, whose elements are of these types. Raises MalformedFrame."""
        if self.parts != len(types):
            raise MalformedFrame(f"{self.parts} arrays instead of {len(types)}")
        found, start = [], 0
        for dtype in types:
            if len(self.body) < start + _PART.size:
                raise MalformedFrame("an array without its head")
            axes, size, *shape = _PART.unpack_from(self.body, start)
            start += _PART.size
            if axes > _MAX_AXES or len(self.body) < start + size:
                raise MalformedFrame(f"{axes} axes, {size} bytes")
            found.append(_array(self.body, start, size, tuple(shape[:axes]), dtype))
            start += size + -size % _ALIGNED
        return tuple(found)

    def sentence(self) -> str:
        """The body as text on one line, without control characters."""
        text = self.body[:2000].decode(errors="replace")
        return "".join(char if char.isprintable() else " " for char in text)[:400]


def _array(body: bytes, start: int, size: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    try:
        if dtype.hasobject:
            flat = np.array(_TEXTS.decode(memoryview(body)[start : start + size]), dtype=object)
        elif size % dtype.itemsize:
            raise MalformedFrame(f"{size} bytes are no array of {dtype}")
        else:
            flat = np.frombuffer(body, dtype, size // dtype.itemsize, start)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as problem:
        raise MalformedFrame(f"no array of {dtype}: {problem}") from None
    if math.prod(shape) != flat.size or min(shape, default=0) < 0:
        raise MalformedFrame(f"{flat.size} values do not fill {list(shape)}")
    return flat.reshape(shape)


def arrays_frame(kind: Kind, arrays: Arrays) -> Frame:
    """A frame that holds the arrays. Raises MalformedFrame for one with more than eight axes, and beyond 64 MiB."""
    parts: list[bytes] = []
    for array in arrays:
        if array.ndim > _MAX_AXES:
            raise MalformedFrame(f"{array.ndim} axes; {_MAX_AXES} are the most")
        content = _encode_texts(array.reshape(-1).tolist()) if array.dtype.hasobject else array.tobytes()
        axes = (*array.shape, *(0,) * (_MAX_AXES - array.ndim))
        parts += (_PART.pack(array.ndim, len(content), *axes), content, bytes(-len(content) % _ALIGNED))
    body = b"".join(parts)
    if len(body) > MAX_BODY:
        raise MalformedFrame(f"{len(body)} bytes; {MAX_BODY} are the most")
    return Frame(kind, len(arrays), body)


def first_frame(buffer: bytearray) -> Frame | None:
    """Takes the first frame out of the buffer; None until all of it is there. Raises MalformedFrame."""
    if len(buffer) < HEAD.size:
        return None
    kind, parts, size = HEAD.unpack_from(buffer)
    if kind > Kind.REFUSED or size > MAX_BODY:
        raise MalformedFrame(f"kind {kind}, {size} bytes")
    end = HEAD.size + size
    if len(buffer) < end:
        return None
    frame = Frame(Kind(kind), parts, bytes(buffer[HEAD.size : end]))
    del buffer[:end]
    return frame
