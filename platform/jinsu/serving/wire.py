"""What a model server and its inference process say to each other: frames of a fixed head and a body. Pure.

The server takes nothing from an inference process on trust: no pickle, and a size, a shape and a type that it checks.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum

import msgspec
import numpy as np

HEAD = struct.Struct("<BB6xQ8q")
"""Kind, number of axes, bytes of the body, and eight axes, of which the first ones count."""
MAX_BODY = 64 << 20
"""The longest body of a frame, in bytes."""
NUMBER_BYTES = 8
"""A number on the second socket of an inference process: the batch to stop, little-endian."""
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


class MalformedFrame(Exception):
    """The bytes are no frame, or its body does not fit its head."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. shape: of the array in the body, if there is one."""

    kind: Kind
    shape: tuple[int, ...]
    body: bytes

    def to_bytes(self) -> bytes:
        axes = (*self.shape, *(0,) * (_MAX_AXES - len(self.shape)))
        return HEAD.pack(self.kind, len(self.shape), len(self.body), *axes) + self.body

    def array(self, dtype: np.dtype[np.generic]) -> np.ndarray:
        """The array in the body, whose elements are of this type. Raises MalformedFrame."""
        try:
            flat = (
                np.array(_TEXTS.decode(self.body), dtype=object) if dtype.hasobject else np.frombuffer(self.body, dtype)
            )
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as problem:
            raise MalformedFrame(f"no array of {dtype}: {problem}") from None
        if math.prod(self.shape) != flat.size or min(self.shape, default=0) < 0:
            raise MalformedFrame(f"{flat.size} values do not fill {list(self.shape)}")
        return flat.reshape(self.shape)

    def sentence(self) -> str:
        """The body as text on one line, without control characters."""
        text = self.body[:2000].decode(errors="replace")
        return "".join(char if char.isprintable() else " " for char in text)[:400]


def array_frame(kind: Kind, array: np.ndarray) -> Frame:
    """A frame that holds the array. Raises MalformedFrame for one with more than eight axes or 64 MiB."""
    if array.ndim > _MAX_AXES:
        raise MalformedFrame(f"{array.ndim} axes; {_MAX_AXES} are the most")
    body = _encode_texts(array.reshape(-1).tolist()) if array.dtype.hasobject else array.tobytes()
    if len(body) > MAX_BODY:
        raise MalformedFrame(f"{len(body)} bytes; {MAX_BODY} are the most")
    return Frame(kind, array.shape, body)


def first_frame(buffer: bytearray) -> Frame | None:
    """Takes the first frame out of the buffer; None until all of it is there. Raises MalformedFrame."""
    if len(buffer) < HEAD.size:
        return None
    kind, axes, size, *shape = HEAD.unpack_from(buffer)
    if kind > Kind.FAILED or axes > _MAX_AXES or size > MAX_BODY:
        raise MalformedFrame(f"kind {kind}, {axes} axes, {size} bytes")
    end = HEAD.size + size
    if len(buffer) < end:
        return None
    frame = Frame(Kind(kind), tuple(shape[:axes]), bytes(buffer[HEAD.size : end]))
    del buffer[:end]
    return frame
