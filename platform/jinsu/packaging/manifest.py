"""`model.json`: what a packaged model takes and answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.sdk.model_files import CODE_FILES, MANIFEST_FILE, MODEL_FILES, WEIGHTS_FILE
from jinsu.sdk.outputs import OutputKind

_NUMBERS = (
    *("float16", "float32", "float64", "bool"),
    *("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"),
)
NUMPY_TYPES: Mapping[str, np.dtype[Any]] = {
    **{name: np.dtype(name) for name in _NUMBERS},
    "string": np.dtype(object),
}
"""Every type of a tensor as the manifest calls it, with numpy's."""

_MAX_BYTES = 16 << 20
_MAX_AXES = 8
_MAX_TENSORS = 1024
_MAX_NAME = 100
MAX_ROW_VALUES = 1 << 24
"""The most values in one row."""


@dataclass(frozen=True)
class Tensor:
    """Type and shape of one tensor. The first axis is the batch and is -1; a text names an axis of any length."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    @property
    def row_size(self) -> int:
        """Values in one row, where each axis of any length counts as one."""
        return math.prod(axis for axis in self.shape[1:] if isinstance(axis, int))

    @property
    def fixed(self) -> bool:
        """Whether every row has the same shape."""
        return all(isinstance(axis, int) for axis in self.shape)

    def describe(self) -> str:
        """The type and shape in words, such as `float32 [rows, 4]`."""
        return f"{self.dtype} [{', '.join(['rows', *map(str, self.shape[1:])])}]"


@dataclass(frozen=True)
class Input(Tensor):
    """What the model takes. nullable: whether a number may be missing (NaN) or a text may (empty).

    columns: names of a table's columns that stand side by side in this tensor of two axes; None when nobody named them.
    """

    nullable: bool = False
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Output(Tensor):
    """What the model answers. labels: the class of each score, or of each number; quantiles: the level of each."""

    kind: OutputKind = OutputKind.SCORES
    labels: tuple[Any, ...] | None = None
    quantiles: tuple[float, ...] | None = None


@dataclass(frozen=True)
class CodeEntry:
    """The code of a python model. entry: the file that names the model. files: names in the archive, by the model's own names."""

    entry: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """The contract between a saved model, its evaluation and its server.

    framework: what the model was written in, such as `torch 2.13.0`. other: the label that stands for every class without
    one of its own; None when there is none. inputs, outputs: at least one of each, with names of their own. weights:
    sha256 of the file beside the ONNX file that holds its weights; None when the ONNX file holds them. code: of a python model;
    None for an ONNX file.
    """

    framework: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    other: Any = None
    weights: str | None = None
    code: CodeEntry | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the model consists of."""
        if self.code is not None:
            return CODE_FILES
        return MODEL_FILES if self.weights is None else (*MODEL_FILES, WEIGHTS_FILE)

    @staticmethod
    def read(folder: Path) -> Manifest:
        """Reads and checks `model.json`, which a researcher's process wrote. Raises GateFailedError for an invalid one."""
        path = folder / MANIFEST_FILE
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ValueError(f"larger than {_MAX_BYTES >> 20} MiB")
            document = json.loads(path.read_text(encoding="utf-8"))
            return _manifest(document if "inputs" in document else _second_format(document))
        except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError) as problem:
            raise GateFailedError(
                f"{path.name}: not a valid model manifest ({problem}); save with jinsu.save()."
            ) from None


def _second_format(document: Any) -> dict[str, Any]:
    """A manifest of format 1, whose one input and one output had no names, as one of format 2."""
    return {
        "framework": document["framework"],
        "inputs": [{"name": "input", **document["input"], "nullable": False, "columns": None}],
        "outputs": [
            {
                "name": "output",
                **document["output"],
                "kind": OutputKind.SCORES,
                "labels": document["labels"],
                "quantiles": None,
            }
        ],
        "other": document["other"],
    }


def _manifest(document: Any) -> Manifest:
    inputs = tuple(_input(item) for item in _listed(document["inputs"]))
    outputs = tuple(_output(item) for item in _listed(document["outputs"]))
    for tensors in (inputs, outputs):
        if len({tensor.name for tensor in tensors}) != len(tensors):
            raise ValueError("two tensors have one name")
    if any(item.columns is not None for item in inputs) and len(inputs) > 1:
        raise ValueError("columns name what stands side by side in the only input")
    weights = _weights(document.get("files", {}))
    code = _code(document.get("python"))
    return Manifest(str(document["framework"]), inputs, outputs, _label(document["other"]), weights, code)


def _code(document: Any) -> CodeEntry | None:
    if document is None:
        return None
    entry, files = document["entry"], document["files"]
    if not isinstance(files, dict) or len(files) > _MAX_TENSORS:
        raise TypeError("the files of a python model are names by names")
    inside = {str(name): _inside(name_inside) for name, name_inside in files.items()}
    return CodeEntry(_inside(entry), inside)


def _inside(document: Any) -> str:
    """A name that leads nowhere else."""
    if not isinstance(document, str) or "/" in document or document in ("", ".", "..") or not document.isprintable():
        raise ValueError("a file of a python model has a plain name")
    return document


def _weights(files: Any) -> str | None:
    """The digest of the only other file that there may be."""
    if not isinstance(files, dict) or set(files) - {WEIGHTS_FILE}:
        raise TypeError(f"the only other file is {WEIGHTS_FILE}")
    digest = files.get(WEIGHTS_FILE)
    if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", str(digest)):
        raise ValueError(f"{WEIGHTS_FILE} has no sha256")
    return digest


def _listed(document: Any) -> list[Any]:
    if not isinstance(document, list) or not 1 <= len(document) <= _MAX_TENSORS:
        raise TypeError(f"inputs and outputs are lists of 1 to {_MAX_TENSORS} tensors")
    return document


def _input(document: Any) -> Input:
    tensor, columns = _tensor(document), document["columns"]
    if columns is not None:
        columns = tuple(_name(column) for column in _listed(columns))
        if tensor.shape != (-1, len(columns)) or len(set(columns)) != len(columns):
            raise ValueError(f"{len(columns)} columns do not fill a row of {str(list(tensor.shape))[:80]}")
    if document["nullable"] not in (True, False):
        raise TypeError("nullable is true or false")
    return Input(tensor.name, tensor.dtype, tensor.shape, document["nullable"], columns)


def _output(document: Any) -> Output:
    tensor, kind = _tensor(document), OutputKind(document["kind"])
    labels, quantiles = _labels(document["labels"]), document["quantiles"]
    if quantiles is not None:
        quantiles = tuple(float(level) for level in _listed(quantiles))
        if not all(0 < level < 1 for level in quantiles) or list(quantiles) != sorted(set(quantiles)):
            raise ValueError("quantiles are levels between 0 and 1 in rising order")
        if tensor.shape != (-1, len(quantiles)):
            raise ValueError(f"{len(quantiles)} quantiles do not fill a row of {str(list(tensor.shape))[:80]}")
    return Output(tensor.name, tensor.dtype, tensor.shape, kind, labels, quantiles)


def _name(document: Any) -> str:
    if not isinstance(document, str) or not 0 < len(document) <= _MAX_NAME or not document.isprintable():
        raise ValueError(f"a name is 1 to {_MAX_NAME} printable characters")
    return document


def _tensor(document: Any) -> Tensor:
    if not isinstance(document, dict) or not isinstance(document["shape"], list):
        raise TypeError("a tensor has a type and a shape")
    dtype, shape = str(document["dtype"]), tuple(document["shape"])
    usable = dtype in NUMPY_TYPES and 1 <= len(shape) <= _MAX_AXES and shape[0] == -1
    if not usable or not all(_is_axis(axis) for axis in shape[1:]):
        raise ValueError(f"unusable tensor {dtype[:40]}{str(list(shape))[:80]}")
    tensor = Tensor(_name(document["name"]), dtype, shape)
    if tensor.row_size > MAX_ROW_VALUES:
        raise ValueError(f"a row of {str(list(shape))[:80]} holds more than {MAX_ROW_VALUES} values")
    return tensor


def _is_axis(axis: Any) -> bool:
    return (type(axis) is int and axis >= 1) or (isinstance(axis, str) and 0 < len(axis) <= _MAX_NAME)


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
