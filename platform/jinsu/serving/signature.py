"""A model's signature decodes rows strictly, and refuses with one sentence what does not fit."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from jinsu.packaging.arrays import Arrays, rows_of
from jinsu.packaging.manifest import Input, Tensor
from jinsu.serving.binary_tensors import flat_from_bytes
from jinsu.serving.json_numbers import LONG, flat_numbers, nested_numbers
from jinsu.serving.limits import Limits

# dtype of the manifest -> (numpy type, Open Inference Protocol's name, JSON element)
_TYPES: dict[str, tuple[Any, str, type]] = {
    "float16": (np.float16, "FP16", float),
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
PROTOCOL_TYPES = {protocol: np.dtype(type_) for type_, protocol, _ in _TYPES.values()}
"""numpy's type of each type of the Open Inference Protocol that a model may take."""

_BLANK = b" \t\r\n"
_NARROW = 8
"""Arrays of fewer numbers in the innermost brackets are decoded sooner as a whole."""
_BLANK_VALUES = 1 << 22
_BLANK_AXIS = 8
"""How long an axis of any length is in a blank batch."""


class Refused(Exception):
    """The request gets this HTTP status and sentence instead of an answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def protocol_type(tensor: Tensor) -> str:
    """The Open Inference Protocol's name of the tensor's type, such as `FP32`."""
    return _TYPES[tensor.dtype][1]


def protocol_shape(tensor: Tensor) -> list[int]:
    """The shape as the Open Inference Protocol writes it: -1 for every axis of any length."""
    return [axis if isinstance(axis, int) else -1 for axis in tensor.shape]


class InputDecoder:
    """Decodes the JSON value of a batch of one input."""

    def __init__(self, tensor: Input, limits: Limits) -> None:
        self.tensor, self.limits = tensor, limits
        self.dtype, self.protocol_type, element = _TYPES[tensor.dtype]
        self._may_miss = tensor.nullable and (tensor.dtype == "string" or "float" in tensor.dtype)
        value: Any = element | None if self._may_miss else element
        nested: Any = value
        for _ in tensor.shape:
            nested = list[nested]
        self._nested = msgspec.json.Decoder(nested)
        self._flat: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[value])
        self._numbers = tensor.dtype != "string"
        narrow = tensor.shape[-1] in range(_NARROW)
        self._in_pieces = self._numbers and tensor.fixed and len(tensor.shape) > 1 and not narrow

    def rows(self, raw: bytes | msgspec.Raw) -> np.ndarray:
        """Rows as nested lists, first axis the batch. Raises Refused(400)."""
        if self._in_pieces and len(memoryview(raw)) > LONG:
            return self._checked(self._long_rows(bytes(raw)))
        return self._checked(self._decode(self._nested, raw))

    def plain(self, text: bytes) -> np.ndarray | None:
        """Rows of numbers of one shape; None for whatever else the text may be. Raises Refused(400) as `rows` does."""
        if not self._in_pieces or len(text) <= LONG:
            return None
        try:
            array = self._nested_numbers(text)
        except (msgspec.MsgspecError, ValueError, OverflowError, UnicodeDecodeError):
            return None
        return None if array is None else self._checked(array)

    def flat(self, raw: msgspec.Raw, shape: list[int]) -> np.ndarray:
        """Values in row-major order with their shape, as the Open Inference Protocol sends them. Raises Refused(400)."""
        values = bytes(raw)
        if values[1:].lstrip()[:1] == b"[" and len(shape) > 1:
            return self.rows(values)
        array = self._long_flat(values) if self._numbers and len(values) > LONG else self._decode(self._flat, values)
        return self.shaped(array, shape)

    def binary(self, data: memoryview, shape: Sequence[int]) -> np.ndarray:
        """The same as the protocol's bytes. Raises Refused(400)."""
        with self._misfits():
            array = flat_from_bytes(data, np.dtype(self.dtype))
        return self.shaped(array, shape)

    def shaped(self, array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Values of this input's type in a shape. Raises Refused(400)."""
        if any(axis < 0 for axis in shape) or math.prod(shape) != array.size:
            raise Refused(400, f"{self.tensor.name}: {array.size} values do not fill shape {list(shape[:8])}")
        if len(shape) != len(self.tensor.shape):
            raise self._misfit(f"shape {list(shape[:8])} does not fit")
        return self._checked(array.reshape(shape))

    def _misfit(self, what: str) -> Refused:
        return Refused(400, f"{self.tensor.name}: {what}; the model takes {self.tensor.describe()}")

    def _decode(self, decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw) -> np.ndarray:
        with self._misfits(), np.errstate(over="ignore"):
            return np.array(decoder.decode(raw), dtype=self.dtype)

    def _long_rows(self, text: bytes) -> np.ndarray:
        with self._misfits():
            array = self._nested_numbers(text)
        return self._decode(self._nested, text) if array is None else array

    def _nested_numbers(self, text: bytes) -> np.ndarray | None:
        row = tuple(int(axis) for axis in self.tensor.shape[1:])
        with np.errstate(over="ignore"):
            return nested_numbers(text.strip(_BLANK), row, self._flat.decode, np.dtype(self.dtype))

    def _long_flat(self, text: bytes) -> np.ndarray:
        inner = text.strip()[1:-1]
        if b"[" in inner:
            raise self._misfit("rows differ in length")
        with self._misfits(), np.errstate(over="ignore"):
            return flat_numbers(inner, self._flat.decode, np.dtype(self.dtype))

    @contextlib.contextmanager
    def _misfits(self) -> Iterator[None]:
        """Values that do not fit the input become Refused(400)."""
        try:
            yield
        except (
            msgspec.MsgspecError,
            ValueError,
            OverflowError,
            RecursionError,
            UnicodeDecodeError,
        ) as problem:
            reason = "rows differ in length" if "inhomogeneous" in str(problem) else str(problem)
            raise self._misfit(reason) from None

    def _checked(self, array: np.ndarray) -> np.ndarray:
        if array.shape[1:] != self.tensor.shape[1:] and not self._fits(array):
            raise self._misfit(f"shape {list(array.shape)} does not fit")
        if not 1 <= len(array) <= self.limits.rows:
            raise Refused(400, f"{self.tensor.name}: {len(array)} rows; send 1 to {self.limits.rows}")
        if array.dtype.kind == "f":
            self._check_numbers(array)
        elif array.dtype.kind == "O":
            if self._may_miss:
                array[array == None] = ""  # noqa: E711, compared element by element
            if max(map(len, array.flat), default=0) > self.limits.text:
                raise Refused(400, f"{self.tensor.name}: a text is longer than {self.limits.text} characters")
        return array

    def _check_numbers(self, array: np.ndarray) -> None:
        """A missing value is NaN, and a number beyond the type has become infinite."""
        fine = ~np.isinf(array) if self._may_miss else np.isfinite(array)
        if not fine.all():
            missing = not self._may_miss and np.isnan(array).any()
            what = "missing (NaN)" if missing else f"too large for {self.tensor.dtype}"
            raise Refused(400, f"{self.tensor.name}: a value is {what}")

    def _fits(self, array: np.ndarray) -> bool:
        """Whether the axes of a given length have it; the others have one of at least 1."""
        return array.ndim == len(self.tensor.shape) and all(
            found == axis if isinstance(axis, int) else found >= 1
            for found, axis in zip(array.shape[1:], self.tensor.shape[1:], strict=True)
        )

    def blank(self, rows: int) -> np.ndarray:
        """A batch of zeros, or of short texts, that the model takes."""
        axes = (axis if isinstance(axis, int) else _BLANK_AXIS for axis in self.tensor.shape[1:])
        return np.full((rows, *axes), "a" if self.dtype is np.object_ else 0, dtype=self.dtype)


class Signature:
    """Decodes a batch for all inputs of a model, in whichever of three forms a client sends it."""

    def __init__(self, inputs: Sequence[Input], limits: Limits) -> None:
        self.inputs, self.limits = tuple(inputs), limits
        self.decoders = {one.name: InputDecoder(one, limits) for one in inputs}
        self.names = tuple(self.decoders)
        self.fixed = all(one.fixed for one in inputs)
        self.only = self.decoders[self.names[0]] if len(self.names) == 1 else None

    # --- One array an input ---

    def bare(self, raw: bytes | msgspec.Raw) -> Arrays:
        """A batch that does not name its input. Raises Refused(400)."""
        if self.only is None:
            raise Refused(400, f"name the inputs; the model takes {self.describe()}")
        return (self.only.rows(raw),)

    def named(self, batches: Mapping[str, bytes | msgspec.Raw]) -> Arrays:
        """One batch an input, by name. Raises Refused(400)."""
        self.check_names(batches)
        return same_rows(tuple(decoder.rows(batches[name]) for name, decoder in self.decoders.items()))

    def check_names(self, given: Mapping[str, object]) -> None:
        """Raises Refused(400) unless exactly the model's inputs are named."""
        if set(given) != set(self.names):
            raise Refused(400, f"inputs {list(given)[:8]}: the model takes {self.describe()}")

    # --- A table ---

    def table(self, columns: Sequence[str], cell: Callable[[int, int], bytes], rows: int) -> Arrays:
        """A table of named columns, in any order; columns that the model does not read are left out.

        cell: the JSON value of a row and the place of a column. Raises Refused(400).
        """
        places = {name: place for place, name in enumerate(columns)}
        if len(places) != len(columns):
            raise Refused(400, f"columns {list(columns)[:8]}: one occurs twice")
        if self.only is not None and not self._has_all(self.only.tensor, places):
            return (self.only.rows(self._side_by_side(self.only.tensor, columns, cell, rows)),)
        return tuple(
            decoder.rows(_gathered(self._places(decoder.tensor, places), decoder.tensor.columns is None, cell, rows))
            for decoder in self.decoders.values()
        )

    def _has_all(self, tensor: Input, places: Mapping[str, int]) -> bool:
        return all(name in places for name in tensor.columns or (tensor.name,))

    def _places(self, tensor: Input, places: Mapping[str, int]) -> list[int]:
        wanted = tensor.columns if tensor.columns is not None else (tensor.name,)
        missing = [name for name in wanted if name not in places]
        if missing:
            raise Refused(400, f"columns {list(places)[:8]}: {', '.join(missing)[:200]} is missing")
        return [places[name] for name in wanted]

    def _side_by_side(
        self, tensor: Input, columns: Sequence[str], cell: Callable[[int, int], bytes], rows: int
    ) -> bytes:
        """The columns in the order in which they came, for a model whose input is not named like them.

        Only columns that are numbered, as a frame without names calls them, are known to come in the model's order.
        """
        if tensor.columns is not None:
            missing = [name for name in tensor.columns if name not in columns]
            raise Refused(400, f"columns {list(columns)[:8]}: {', '.join(missing)[:200]} is missing")
        if len(columns) == 1:
            return _gathered([0], len(tensor.shape) == 1, cell, rows)
        if list(columns) != [str(place) for place in range(len(columns))]:
            raise Refused(
                400,
                f"columns {list(columns)[:8]}: the model was saved without names of columns, so their order cannot be "
                "checked; send 'inputs', or save it with jinsu.save(columns=[…])",
            )
        return _gathered(range(len(columns)), False, cell, rows)

    def blank(self, rows: int) -> Arrays:
        """A batch of zeros and short texts that the model takes; of fewer rows when they are very large."""
        largest = max(one.row_size for one in self.inputs)
        fitting = min(rows, max(1, _BLANK_VALUES // largest))
        return tuple(decoder.blank(fitting) for decoder in self.decoders.values())

    def describe(self) -> str:
        """The inputs in words, such as `age float32 [rows], title string [rows]`."""
        if self.only is not None:
            return f"one, '{self.names[0]}', {self.only.tensor.describe()}"
        return ", ".join(f"{name} {decoder.tensor.describe()}" for name, decoder in self.decoders.items())


def _gathered(places: Sequence[int], bare: bool, cell: Callable[[int, int], bytes], rows: int) -> bytes:
    """Columns of a table as the JSON value of one batch. bare: each row is the only column's value itself."""
    if bare:
        (place,) = places
        return b"[" + b",".join(cell(row, place) for row in range(rows)) + b"]"
    lines = (b"[" + b",".join(cell(row, place) for place in places) + b"]" for row in range(rows))
    return b"[" + b",".join(lines) + b"]"


def same_rows(arrays: Arrays) -> Arrays:
    """The arrays themselves. Raises Refused(400) when they differ in rows."""
    counts = {len(array) for array in arrays}
    if len(counts) > 1:
        raise Refused(400, f"the inputs differ in rows: {sorted(counts)[:8]}")
    assert rows_of(arrays)
    return arrays
