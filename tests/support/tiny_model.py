"""A saved model that needs no training and no torch: one matrix, written as `jinsu.save` writes a model."""

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

# The features are `a` and `b`; the label of a row is 1 where a + b / 3 > 0.
GOOD = ((0.0, 3.0), (0.0, 1.0))
WRONG = ((3.0, 0.0), (1.0, 0.0))


def saved_model(
    weights: Sequence[Sequence[float]] = GOOD, labels: Sequence[Any] | None = (0, 1), folder: str = "model/"
) -> dict[str, bytes]:
    """Name and content of the files of a model that multiplies a row of features by `weights`."""
    matrix = np.asarray(weights, dtype=np.float32)
    takes, gives = matrix.shape
    probes = np.random.default_rng(0).normal(size=(16, takes)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "weights"], ["output"])],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", takes])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", gives])],
        [helper.make_tensor("weights", TensorProto.FLOAT, matrix.shape, matrix.tobytes(), raw=True)],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    manifest = {
        "format": 1,
        "framework": "none",
        "input": {"dtype": "float32", "shape": [-1, takes]},
        "output": {"dtype": "float32", "shape": [-1, gives]},
        "labels": None if labels is None else list(labels),
        "other": None,
    }
    saved = io.BytesIO()
    np.savez(saved, inputs=probes, outputs=probes @ matrix)
    return {
        f"{folder}model.onnx": model.SerializeToString(),
        f"{folder}model.json": json.dumps(manifest).encode(),
        f"{folder}probes.npz": saved.getvalue(),
    }
