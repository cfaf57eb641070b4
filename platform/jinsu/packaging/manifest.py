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
            document = json.loads(path.read_text(encoding="utf-8"))
            labels = document["labels"]
            return Manifest(
                str(document["framework"]),
                _tensor(document["input"]),
                _tensor(document["output"]),
                None if labels is None else tuple(labels),
                document["other"],
            )
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise GateFailedError(
                f"{path.name}: not a valid model manifest ({problem}); save with jinsu.save()."
            ) from None


def _tensor(document: dict[str, Any]) -> Tensor:
    shape = tuple(int(axis) for axis in document["shape"])
    if document["dtype"] not in NUMPY_TYPES or not shape or shape[0] != -1 or any(axis < 1 for axis in shape[1:]):
        raise ValueError(f"unusable tensor {document['dtype']}{list(shape)}")
    return Tensor(document["dtype"], shape)
