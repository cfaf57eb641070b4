"""The check of a model's weights: each is a finite number, in the ONNX file or in the one file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.sdk.model_files import MODEL_FILE, WEIGHTS_FILE
from jinsu.sdk.model_writing import tensors_of


def check_weights(path: Path) -> None:
    """Raises GateFailedError for a file that is no ONNX file, and with the name of a weight that cannot be used."""
    import onnx
    from onnx import numpy_helper

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as problem:  # protobuf's errors differ between its back ends
        raise GateFailedError(f"{MODEL_FILE}: not an ONNX file: {problem}") from None
    for weight in tensors_of(model):
        _check_place(weight)
    for weight in model.graph.initializer:
        try:
            values = numpy_helper.to_array(_copied(weight) if weight.external_data else weight, str(path.parent))
        except Exception as problem:  # it says in many ways that the bytes do not fill the shape
            raise GateFailedError(f"{MODEL_FILE}: weight {weight.name!r} cannot be read: {problem}") from None
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise GateFailedError(
                f"{MODEL_FILE}: weight {weight.name!r} holds {bad} values that are not finite. Empty and infinite values in "
                "the features do that: fill them, and add an expectation. If the features have none, the training diverged: "
                "lower the learning rate or clip gradients."
            )


def _check_place(weight: Any) -> None:
    """Raises GateFailedError for a weight that lies elsewhere than in the ONNX file or in the one file beside it."""
    if not weight.external_data and not weight.data_location:
        return
    places = [entry.value for entry in weight.external_data if entry.key == "location"]
    if set(places) != {WEIGHTS_FILE}:
        raise GateFailedError(
            f"{MODEL_FILE}: weight {weight.name!r} lies in another file than {WEIGHTS_FILE}; save the model with jinsu.save()."
        )


def _copied(weight: Any) -> Any:
    """A copy, into which the weight is read: all of them at once may need more memory than this step has."""
    import onnx

    copy = onnx.TensorProto()
    copy.CopyFrom(weight)
    return copy
