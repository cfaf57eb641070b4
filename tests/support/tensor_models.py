"""Packages of models with any number of named tensors that give back what they take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

_TYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint64": TensorProto.UINT64,
    "string": TensorProto.STRING,
}

Tensors = Mapping[str, tuple[str, list[int]]]
"""Type and shape by name; the first axis is -1."""


def write_echo(folder: Path, tensors: Tensors) -> Path:
    """A model that answers each input `x` as an output `x_back`."""
    nodes = [helper.make_node("Identity", [name], [f"{name}_back"]) for name in tensors]
    return _write(folder, nodes, tensors, {f"{name}_back": tensor for name, tensor in tensors.items()})


def write_largest(folder: Path, shape: list[int]) -> Path:
    """A model that answers the largest number of each row of `x`, float32."""
    axes = list(range(1, len(shape)))
    nodes = [
        helper.make_node("Constant", [], ["axes"], value_ints=axes),
        helper.make_node("ReduceMax", ["x", "axes"], ["largest"], keepdims=0),
    ]
    return _write(folder, nodes, {"x": ("float32", shape)}, {"largest": ("float32", [-1])})


def _write(folder: Path, nodes: list[Any], inputs: Tensors, outputs: Tensors) -> Path:
    graph = helper.make_graph(nodes, "tensors", _values(inputs), _values(outputs))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "model.onnx"))
    document = {
        "framework": "onnx",
        "inputs": [{**_tensor(name, *tensor), "nullable": False, "columns": None} for name, tensor in inputs.items()],
        "outputs": [
            {**_tensor(name, *tensor), "kind": "scores", "labels": None, "quantiles": None}
            for name, tensor in outputs.items()
        ],
        "other": None,
    }
    (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def _tensor(name: str, dtype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": shape}


def _values(tensors: Tensors) -> list[Any]:
    return [
        helper.make_tensor_value_info(name, _TYPES[dtype], ["batch", *shape[1:]])
        for name, (dtype, shape) in tensors.items()
    ]
