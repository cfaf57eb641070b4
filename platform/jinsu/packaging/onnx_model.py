"""A packaged model in onnxruntime: no user code, no pickle. The only module that imports onnxruntime."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import Arrays, joined, part_of, rows_of
from jinsu.packaging.manifest import Manifest, Tensor
from jinsu.packaging.providers import chosen_providers, used_provider
from jinsu.packaging.unknown_numbers import unknown_number
from jinsu.sdk.model_files import MANIFEST_FILE, MODEL_FILE

# onnxruntime's names of tensor types, as numpy calls them.
_TYPES = {
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(string)": "string",
    **{
        f"tensor({name})": name
        for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
}


_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""onnxruntime writes an identifier of the machine into the home, and sends events to its maker, without this variable."""


class OnnxModel:
    """An onnxruntime session on the CPU or on a GPU, and the model's manifest.

    Raises GateFailedError for a file that cannot be loaded, for one without the inputs and outputs of the manifest, and where a
    GPU is asked for that cannot be used.
    """

    def __init__(self, folder: Path, threads: int = 1, gpu: int = 0) -> None:
        os.environ[_NO_TELEMETRY] = "1"  # read when the library is imported
        import onnxruntime

        providers = chosen_providers(gpu, onnxruntime.get_available_providers())
        if gpu:
            onnxruntime.preload_dlls()  # CUDA's libraries, where they are packages of Python
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave cores to others
        options.log_severity_level = 4  # what it would print is in the exception
        self.manifest = Manifest.read(folder)
        try:
            self._session = onnxruntime.InferenceSession(str(folder / MODEL_FILE), options, providers=providers)
        except Exception as problem:  # onnxruntime has one exception class for each status code
            raise GateFailedError(f"{MODEL_FILE}: onnxruntime cannot load it: {_first_line(problem)}") from None
        self.provider = used_provider(gpu, self._session.get_providers())
        self._inputs = _nodes("input", self.manifest.inputs, self._session.get_inputs())
        self._outputs = _nodes("output", self.manifest.outputs, self._session.get_outputs())
        self._taken = [node.name for node in self._inputs]
        self._given = [node.name for node in self._outputs]
        self._new_options = onnxruntime.RunOptions
        self._options = _quiet(self._new_options())

    def check_manifest(self) -> None:
        """Raises GateFailedError when the manifest contradicts the graph: a server would refuse good requests by it."""
        for declared, node in zip(
            (*self.manifest.inputs, *self.manifest.outputs), (*self._inputs, *self._outputs), strict=True
        ):
            _check_tensor(declared, node)
        for output in self.manifest.outputs:
            scores = output.shape[1] if len(output.shape) == 2 else None
            if output.labels is not None and scores not in (None, 1, len(output.labels)):
                raise GateFailedError(
                    f"{MANIFEST_FILE}: {len(output.labels)} labels for {scores} scores; give one label a score."
                )

    def run(self, rows: Arrays) -> Arrays:
        """The answers to a batch of rows. Raises GateFailedError with the operator that failed, RowsRefusedError for the rows' own."""
        if self._options.terminate:
            self._options = _quiet(self._new_options())
        try:
            answers = self._session.run(self._given, dict(zip(self._taken, rows, strict=True)), self._options)
        except Exception as problem:
            if unknown := unknown_number(str(problem), self.manifest.inputs, rows):
                raise unknown from None
            raise GateFailedError(f"{MODEL_FILE}: failed on {rows_of(rows)} rows: {_first_line(problem)}") from None
        return tuple(np.asarray(answer) for answer in answers)

    def stop(self) -> None:
        """Makes the present run, in another thread, fail at its next operator. One long operator is not interrupted."""
        self._options.terminate = True

    def run_all(self, rows: Arrays, batch: int = 256) -> Arrays:
        """The answers to any number of rows, run `batch` at a time."""
        return joined([self.run(part_of(rows, start, start + batch)) for start in range(0, rows_of(rows), batch)])


def _quiet(options: Any) -> Any:
    """What these options would have printed is in the exception."""
    options.log_severity_level = 4
    return options


def _nodes(side: str, declared: Sequence[Tensor], nodes: Sequence[Any]) -> list[Any]:
    """The graph's tensors in the manifest's order. A graph with a single one may call it anything.

    An input that nobody declares has no value; outputs may stay unused.
    """
    if len(declared) == len(nodes) == 1:
        return list(nodes)
    named = {node.name: node for node in nodes}
    missing = [tensor.name for tensor in declared if tensor.name not in named]
    unused = sorted(set(named) - {tensor.name for tensor in declared}) if side == "input" else []
    if missing or unused:
        wrong, where = (missing, "does not have") if missing else (unused, "has too")
        raise GateFailedError(f"{MANIFEST_FILE}: the model {where} {', '.join(wrong)[:200]} ({side}); save it again.")
    return [named[tensor.name] for tensor in declared]


def _check_tensor(declared: Tensor, node: Any) -> None:
    """Compares the manifest's tensor with the graph's, whose axes are numbers where they are fixed."""
    dtype = _TYPES.get(node.type, node.type)
    axes = zip(declared.shape[1:], node.shape[1:], strict=False)
    clash = any(isinstance(actual, int) and actual != axis for axis, actual in axes)
    if declared.dtype != dtype or len(declared.shape) != len(node.shape) or clash:
        raise GateFailedError(
            f"{MANIFEST_FILE}: says {declared.name} is {declared.dtype}{list(declared.shape)}, the model's is "
            f"{dtype}{node.shape}."
        )


_NO_MEMORY = ("Failed to allocate memory", "bad_alloc", "bad allocation", "Unable to allocate")


def _first_line(problem: Exception) -> str:
    text = str(problem).strip() or type(problem).__name__
    if any(words in text for words in _NO_MEMORY):
        operator = re.search(r"running (\w+) node", text)
        return f"{f'operator {operator[1]}' if operator else 'it'} needs more memory than there is for the model"
    return text.splitlines()[0][:400]
