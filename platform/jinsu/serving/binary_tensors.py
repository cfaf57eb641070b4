"""Tensors as the Open Inference Protocol's bytes: little-endian, row after row; each text behind its length in four bytes. Pure."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

_LENGTH = struct.Struct("<I")


def flat_from_bytes(data: memoryview, dtype: np.dtype[Any]) -> np.ndarray:
    """All values in `data`, as one axis; numbers are a view that cannot be written. Raises ValueError."""
    if dtype.hasobject:
        return np.array(_texts(data), dtype=object)
    if dtype == np.bool_ and len(data) and np.frombuffer(data, np.uint8).max() > 1:
        raise ValueError("a byte of a BOOL is neither 0 nor 1")
    if len(data) % dtype.itemsize:
        raise ValueError(f"{len(data)} bytes are no values of {dtype.itemsize} bytes")
    return np.frombuffer(data, dtype.newbyteorder("<"))


def to_bytes(array: np.ndarray) -> bytes:
    """The array's values in row-major order."""
    if array.dtype.hasobject:
        return b"".join([_LENGTH.pack(len(text)) + text for text in map(str.encode, array.reshape(-1).tolist())])
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _texts(data: memoryview) -> list[str]:
    """Raises ValueError, of which UnicodeDecodeError is one."""
    texts, start = [], 0
    while start < len(data):
        if len(data) < start + _LENGTH.size:
            raise ValueError("a text without its length")
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        if len(data) < start + length:
            raise ValueError(f"a text of {length} bytes of which {len(data) - start} are there")
        texts.append(str(data[start : start + length], "utf-8"))
        start += length
    return texts
