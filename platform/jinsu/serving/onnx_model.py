"""A packaged model in onnxruntime: no user code, no pickle. The only module that imports onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.serving.manifest import MODEL_FILE, Manifest


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
