"""A model's signature decodes rows strictly, and refuses with one sentence what does not fit."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from jinsu.packaging.manifest import Tensor
from jinsu.serving.limits import Limits

# dtype of the manifest -> (numpy type, Open Inference Protocol's name, JSON element)
_TYPES: dict[str, tuple[Any, str, type]] = {
    "float32": (np.float32, "FP32", float),
    "float64": (np.float64, "FP64", float),
    "int64": (np.int64, "INT64", int),
    "int32": (np.int32, "INT32", int),
    "int16": (np.int16, "INT16", int),
    "int8": (np.int8, "INT8", int),
    "uint8": (np.uint8, "UINT8", int),
    "uint16": (np.uint16, "UINT16", int),
    "uint32": (np.uint32, "UINT32", int),
    "uint64": (np.uint64, "UINT64", int),
    "bool": (np.bool_, "BOOL", bool),
    "string": (np.object_, "BYTES", str),
}


_BLANK_VALUES = 1 << 22


class Refused(Exception):
    """The request gets this HTTP status and sentence instead of an answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def protocol_type(tensor: Tensor) -> str:
    """The Open Inference Protocol's name of the tensor's type, such as `FP32`."""
    return _TYPES[tensor.dtype][1]


class Signature:
    """Decodes the JSON value of a batch of rows into the array that the model takes."""

    def __init__(self, tensor: Tensor, limits: Limits) -> None:
        self.tensor, self.limits = tensor, limits
        self.dtype, self.protocol_type, element = _TYPES[tensor.dtype]
        nested: Any = element
        for _ in tensor.shape:
            nested = list[nested]
        self._nested = msgspec.json.Decoder(nested)
        self._flat: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[element])  # type: ignore[valid-type]

    def rows(self, raw: msgspec.Raw) -> np.ndarray:
        """Rows as nested lists, first axis the batch. Raises Refused(400)."""
        return self._checked(self._decode(self._nested, raw))

    def flat(self, raw: msgspec.Raw, shape: list[int]) -> np.ndarray:
        """Values in row-major order with their shape, as the Open Inference Protocol sends them. Raises Refused(400)."""
        values = bytes(raw)
        if values[1:].lstrip()[:1] == b"[" and len(shape) > 1:
            return self._checked(self._decode(self._nested, raw))
        array = self._decode(self._flat, raw)
        if any(axis < 0 for axis in shape) or math.prod(shape) != array.size:
            raise Refused(400, f"input: {array.size} values do not fill shape {shape}")
        if len(shape) != len(self.tensor.shape):
            raise Refused(400, f"input: shape {shape[:8]} does not fit; the model takes {self.describe()}")
        return self._checked(array.reshape(shape))

    def _decode(self, decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> np.ndarray:
        try:
            values = decoder.decode(raw)
            with np.errstate(over="ignore"):
                return np.array(values, dtype=self.dtype)
        except (
            msgspec.MsgspecError,
            ValueError,
            OverflowError,
            RecursionError,
            UnicodeDecodeError,
        ) as problem:
            reason = "rows differ in length" if "inhomogeneous" in str(problem) else str(problem)
            raise Refused(400, f"input: {reason}; the model takes {self.describe()}") from None

    def _checked(self, array: np.ndarray) -> np.ndarray:
        if array.shape[1:] != self.tensor.shape[1:]:
            raise Refused(400, f"input: shape {list(array.shape)} does not fit; the model takes {self.describe()}")
        if not 1 <= len(array) <= self.limits.rows:
            raise Refused(400, f"input: {len(array)} rows; send 1 to {self.limits.rows}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Refused(400, f"input: a value is too large for {self.tensor.dtype}")
        if array.dtype.kind == "O" and max(map(len, array.flat)) > self.limits.text:
            raise Refused(400, f"input: a text is longer than {self.limits.text} characters")
        return array

    def blank(self, rows: int) -> np.ndarray:
        """A batch of zeros, or of short texts, that the model takes; of fewer rows when they are very large."""
        shape = (min(rows, max(1, _BLANK_VALUES // self.tensor.row_size)), *self.tensor.shape[1:])
        return np.full(shape, "a" if self.dtype is np.object_ else 0, dtype=self.dtype)

    def describe(self) -> str:
        """The input in words, such as `float32 [rows, 4]`."""
        axes = ", ".join(["rows", *(str(axis) for axis in self.tensor.shape[1:])])
        return f"{self.tensor.dtype} [{axes}]"
