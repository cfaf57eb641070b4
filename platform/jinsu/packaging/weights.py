"""The check of a model's weights: each is a finite number in the one ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.sdk.model_files import MODEL_FILE


def check_weights(path: Path) -> None:
    """Raises GateFailedError for a file that is no ONNX file, and with the name of a weight that cannot be used."""
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as problem:  # protobuf's errors differ between its back ends
        raise GateFailedError(f"{MODEL_FILE}: not an ONNX file: {problem}") from None
    for weight in graph.initializer:
        if weight.external_data:
            raise GateFailedError(f"{MODEL_FILE}: weight {weight.name!r} lies in another file; save one file.")
        try:
            values = numpy_helper.to_array(weight)
        except Exception as problem:  # it says in many ways that the bytes do not fill the shape
            raise GateFailedError(f"{MODEL_FILE}: weight {weight.name!r} cannot be read: {problem}") from None
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise GateFailedError(
                f"{MODEL_FILE}: weight {weight.name!r} holds {bad} values that are not finite. Empty and infinite values in "
                "the features do that: fill them, and add an expectation. If the features have none, the training diverged: "
                "lower the learning rate or clip gradients."
            )
