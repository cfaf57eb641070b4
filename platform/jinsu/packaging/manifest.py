"""`model.json`: what a packaged model takes and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.sdk.model_files import MANIFEST_FILE

_NUMBERS = ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool")
NUMPY_TYPES: Mapping[str, np.dtype[Any]] = {
    **{name: np.dtype(name) for name in _NUMBERS},
    "string": np.dtype(object),
}
"""Every type of a tensor as the manifest calls it, with numpy's."""


_MAX_BYTES = 16 << 20
_MAX_AXES = 8
MAX_ROW_VALUES = 1 << 24
"""The most values in one row."""


@dataclass(frozen=True)
class Tensor:
    """Type and shape of one tensor; the first axis is the batch and is -1."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def row_size(self) -> int:
        """Values in one row."""
        size = 1
        for axis in self.shape[1:]:
            size *= axis
        return size


@dataclass(frozen=True)
class Manifest:
    """The contract between a saved model, its evaluation and its server.

    framework: what the model was written in, such as `torch`. labels: the class of each output of a classifier; None for
    other models. other: the label that stands for every class without one of its own; None when there is none.
    """

    framework: str
    input: Tensor
    output: Tensor
    labels: tuple[Any, ...] | None
    other: Any

    @staticmethod
    def read(folder: Path) -> Manifest:
        """Reads and checks `model.json`, which a researcher's process wrote. Raises GateFailedError for an invalid one."""
        path = folder / MANIFEST_FILE
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ValueError(f"larger than {_MAX_BYTES >> 20} MiB")
            document = json.loads(path.read_text(encoding="utf-8"))
            return Manifest(
                str(document["framework"]),
                _tensor(document["input"]),
                _tensor(document["output"]),
                _labels(document["labels"]),
                _label(document["other"]),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
            raise GateFailedError(
                f"{path.name}: not a valid model manifest ({problem}); save with jinsu.save()."
            ) from None


def _tensor(document: Any) -> Tensor:
    if not isinstance(document, dict) or not isinstance(document["shape"], list):
        raise TypeError("a tensor has a type and a shape")
    dtype, shape = str(document["dtype"]), tuple(document["shape"])
    usable = dtype in NUMPY_TYPES and 1 <= len(shape) <= _MAX_AXES and shape[0] == -1
    if not usable or any(type(axis) is not int or axis < 1 for axis in shape[1:]):
        raise ValueError(f"unusable tensor {dtype[:40]}{str(list(shape))[:80]}")
    tensor = Tensor(dtype, shape)
    if tensor.row_size > MAX_ROW_VALUES:
        raise ValueError(f"a row of {str(list(shape))[:80]} holds more than {MAX_ROW_VALUES} values")
    return tensor


def _labels(document: Any) -> tuple[Any, ...] | None:
    if document is not None and not isinstance(document, list):
        raise TypeError("labels are a list")
    return None if document is None else tuple(_label(label) for label in document)


def _label(document: Any) -> Any:
    """A label as it was saved: text, a number, a boolean, or None."""
    if not isinstance(document, str | int | float | None):
        raise TypeError("a label is a text or a number")
    if isinstance(document, str):
        document.encode()  # raises UnicodeEncodeError, a ValueError, for half a surrogate pair, which no answer can hold
    return document
