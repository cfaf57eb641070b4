"""A packaged model in onnxruntime: no user code, no pickle. The only module that imports onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.manifest import Manifest
from jinsu.sdk.model_files import MANIFEST_FILE, MODEL_FILE

# onnxruntime's names of tensor types, as numpy calls them.
_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(string)": "string",
    **{
        f"tensor({name})": name
        for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
}


class OnnxModel:
    """A session and its manifest. `run` takes and gives arrays whose first axis is the batch."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.manifest = Manifest.read(folder)
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / MODEL_FILE), options, providers=["CPUExecutionProvider"]
            )
        except Exception as problem:  # onnxruntime has one exception class for each status code
            raise GateFailedError(f"{MODEL_FILE}: onnxruntime cannot load it: {_first_line(problem)}") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise GateFailedError(
                f"{MODEL_FILE}: has {len(inputs)} inputs and {len(outputs)} outputs; one of each is supported."
            )
        self._input, self._output = inputs[0].name, outputs[0].name

    def check_manifest(self) -> None:
        """The manifest must say what the graph says: a server that validates by a false one would refuse good requests."""
        wanted, output = self.manifest.input, self.manifest.output
        for name, told, given in (
            ("input", wanted, self._session.get_inputs()[0]),
            ("output", output, self._session.get_outputs()[0]),
        ):
            dtype = _TYPES.get(given.type, given.type)
            fixed = zip(told.shape[1:], given.shape[1:], strict=False)
            clash = any(isinstance(actual, int) and actual != said for said, actual in fixed)
            if told.dtype != dtype or len(told.shape) != len(given.shape) or clash:
                raise GateFailedError(
                    f"{MANIFEST_FILE}: says {name} is {told.dtype}{list(told.shape)}, the model's is {dtype}{given.shape}."
                )
        classes = output.shape[1] if len(output.shape) == 2 else None
        if self.manifest.labels is not None and classes not in (None, 1, len(self.manifest.labels)):
            raise GateFailedError(
                f"{MANIFEST_FILE}: {len(self.manifest.labels)} labels for {classes} scores; give one label a score."
            )

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Answers to a batch of rows. Raises GateFailedError naming the operator that failed."""
        try:
            return np.asarray(self._session.run([self._output], {self._input: rows})[0])
        except Exception as problem:
            raise GateFailedError(f"{MODEL_FILE}: failed on {len(rows)} rows: {_first_line(problem)}") from None

    def run_all(self, rows: np.ndarray, batch: int = 256) -> np.ndarray:
        """Answers to any number of rows, `batch` at a time."""
        return np.concatenate([self.run(rows[start : start + batch]) for start in range(0, len(rows), batch)])


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0][:400]
