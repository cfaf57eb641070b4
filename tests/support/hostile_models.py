"""Small ONNX models whose cost follows the values of their input, written as a researcher could send them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_TRUE = numpy_helper.from_array(np.array(True), "true")
_ZERO = numpy_helper.from_array(np.array(0, np.float32), "zero")
_ONE = numpy_helper.from_array(np.array(1, np.float32), "one")
_WIDE = numpy_helper.from_array(np.array(50_000_000, np.int64), "wide")
_LENGTH_ONE = numpy_helper.from_array(np.array([1], np.int64), "length_one")


def _largest() -> list[Any]:
    """The largest value of the input as one int64."""
    return [
        helper.make_node("ReduceMax", ["input"], ["largest"], keepdims=0),
        helper.make_node("Cast", ["largest"], ["count"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["count", "length_one"], ["counts"]),
    ]


def _counting_body() -> Any:
    nodes = [helper.make_node("Identity", ["go"], ["again"]), helper.make_node("Add", ["sum", "one"], ["more"])]
    value = helper.make_tensor_value_info
    taken = [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("sum", TensorProto.FLOAT, [])]
    return helper.make_graph(
        nodes, "body", taken, [value("again", TensorProto.BOOL, []), value("more", TensorProto.FLOAT, [])]
    )


def _loop(trips: str) -> list[Any]:
    return [
        helper.make_node("Loop", [trips, "true", "zero"], ["sum"], body=_counting_body(), name="counting"),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Add", ["input", "nothing"], ["output"]),
    ]


def _sized(*nodes: Any) -> list[Any]:
    """The input, plus nothing times the sum of a tensor `big`."""
    return [
        *_largest(),
        *nodes,
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Add", ["input", "nothing"], ["output"]),
    ]


NODES: dict[str, Callable[[], Sequence[Any]]] = {
    "loop": lambda: [*_largest(), *_loop("count")],
    "endless loop": lambda: _loop(""),
    "memory": lambda: _sized(helper.make_node("ConstantOfShape", ["counts"], ["big"], name="wide")),
    "matrix": lambda: _sized(
        helper.make_node("Concat", ["counts", "counts"], ["square"], axis=0),
        helper.make_node("ConstantOfShape", ["square"], ["sides"], name="wide"),
        helper.make_node("MatMul", ["sides", "sides"], ["big"]),
    ),
    "wide constant": lambda: [
        helper.make_node("Reshape", ["wide", "length_one"], ["wides"]),
        helper.make_node("ConstantOfShape", ["wides"], ["big"], name="wide"),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Add", ["input", "nothing"], ["output"]),
    ],
    "expand": lambda: _sized(helper.make_node("Expand", ["one", "counts"], ["big"], name="wide")),
    "tile": lambda: _sized(
        helper.make_node("Reshape", ["one", "length_one"], ["ones"]),
        helper.make_node("Tile", ["ones", "counts"], ["big"], name="wide"),
    ),
    "range": lambda: _sized(
        helper.make_node("Cast", ["count"], ["end"], to=TensorProto.FLOAT),
        helper.make_node("Range", ["zero", "end", "one"], ["big"], name="wide"),
    ),
}
"""By name, the nodes between `input` and `output`, both float32 [rows, 4]; the answer is the input.

The loops turn, and the tensors are wide, as often as the input's largest value says; `endless loop` turns for ever, and
already while it is loaded; `wide constant` takes 200 MB whatever its input is.
"""


def model_bytes(name: str) -> bytes:
    """The ONNX file of one of `NODES`."""
    values = [helper.make_tensor_value_info(label, TensorProto.FLOAT, ["batch", 4]) for label in ("input", "output")]
    constants = [_TRUE, _ZERO, _ONE, _LENGTH_ONE, _WIDE]
    graph = helper.make_graph(list(NODES[name]()), name, values[:1], values[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def write_model(folder: Path, name: str) -> Path:
    """A package of one of `NODES`, without probes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model_bytes(name))
    tensor = {"dtype": "float32", "shape": [-1, 4]}
    document = {"framework": "onnx", "labels": None, "other": None, "input": tensor, "output": tensor}
    (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def check(model: bytes) -> None:
    """Raises for a file that breaks ONNX's own rules."""
    onnx.checker.check_model(onnx.load_from_string(model))
