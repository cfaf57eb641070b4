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
_CHUNK_BYTES = 1 << 16  # malloc serves more than twice that from the kernel, page by page
_JOINED_BYTES = 1 << 14
"""Up to so many bytes the parts of a frame are copied together, which costs less than to send several."""
SOCKET_BYTES = 1 << 20
"""What a socket should hold of a frame that is sent; the kernel may allow less."""
Buffer = bytes | memoryview
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
    body: Buffer

    def buffers(self) -> list[Buffer]:
        """What is sent, as one buffer."""
        return [HEAD.pack(self.kind, self.parts, len(self.body)) + bytes(self.body)]

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
        text = bytes(self.body[:2000]).decode(errors="replace")
        return "".join(char if char.isprintable() else " " for char in text)[:400]


def _array(body: Buffer, start: int, size: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
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


def arrays_frame(kind: Kind, arrays: Arrays) -> OutgoingArrays:
    """A frame that holds the arrays. Raises MalformedFrame for one with more than eight axes, and beyond 64 MiB."""
    buffers: list[Buffer] = [b""]
    size = 0
    for array in arrays:
        if array.ndim > _MAX_AXES:
            raise MalformedFrame(f"{array.ndim} axes; {_MAX_AXES} are the most")
        content = _content(array)
        length = len(content)
        axes = (*array.shape, *(0,) * (_MAX_AXES - array.ndim))
        buffers += (_PART.pack(array.ndim, length, *axes), content, bytes(-length % _ALIGNED))
        size += _PART.size + length + -length % _ALIGNED
    if size > MAX_BODY:
        raise MalformedFrame(f"{size} bytes; {MAX_BODY} are the most")
    buffers[0] = HEAD.pack(kind, len(arrays), size)
    return OutgoingArrays([b"".join(buffers)] if size <= _JOINED_BYTES else [one for one in buffers if len(one)])


def _content(array: np.ndarray) -> Buffer:
    """The bytes of an array's values, without a copy where there are many in one piece."""
    if array.dtype.hasobject:
        return _encode_texts(array.reshape(-1).tolist())
    if array.nbytes <= _JOINED_BYTES or not array.flags.c_contiguous:
        return array.tobytes()
    return array.reshape(-1).view(np.uint8).data


@dataclass(frozen=True, slots=True)
class OutgoingArrays:
    """A frame of arrays on its way. The arrays may not change before it is sent."""

    parts: list[Buffer]

    def buffers(self) -> list[Buffer]:
        """What is sent, one after the other."""
        return self.parts


Outgoing = Frame | OutgoingArrays
"""What can be sent."""


def without(buffers: Sequence[Buffer], count: int) -> list[memoryview]:
    """The buffers less their first `count` bytes."""
    left = []
    for buffer in buffers:
        if count < len(buffer):
            left.append(memoryview(buffer)[count:])
        count = max(0, count - len(buffer))
    return left


class FrameReader:
    """Puts frames together from what a socket brings; the bytes of a long body are received where they stay."""

    def __init__(self) -> None:
        self._chunk = memoryview(bytearray(_CHUNK_BYTES))
        self._buffer = bytearray()
        self._long: tuple[Kind, int, memoryview] | None = None
        self._filled = 0

    def room(self) -> memoryview:
        """Where the next bytes are to be received."""
        return self._chunk if self._long is None else self._long[2][self._filled :]

    def received(self, count: int) -> Frame | None:
        """The frame that is whole now that so many more bytes are in the room. Raises MalformedFrame."""
        if self._long is None:
            self._buffer += self._chunk[:count]
            return self.first()
        self._filled += count
        kind, parts, body = self._long
        if self._filled < len(body):
            return None
        self._long = None
        return Frame(kind, parts, body)

    def first(self) -> Frame | None:
        """The first frame, if all of it was received. Raises MalformedFrame."""
        buffer = self._buffer
        if len(buffer) < HEAD.size:
            return None
        kind, parts, size = HEAD.unpack_from(buffer)
        if kind > Kind.REFUSED or size > MAX_BODY:
            raise MalformedFrame(f"kind {kind}, {size} bytes")
        end = HEAD.size + size
        if len(buffer) >= end:
            frame = Frame(Kind(kind), parts, bytes(buffer[HEAD.size : end]))
            del buffer[:end]
            return frame
        if size > _CHUNK_BYTES:
            body = np.empty(size, np.uint8).data
            self._filled = len(buffer) - HEAD.size
            body[: self._filled] = buffer[HEAD.size :]
            buffer.clear()
            self._long = Kind(kind), parts, body
        return None
