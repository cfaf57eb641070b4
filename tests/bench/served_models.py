"""The models that the serving benchmark sends one row a request to, as packages, and the rows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tests.bench.figure import Figure, Say
from tests.bench.machine import folder

from jinsu.packaging.package import package
from jinsu.sdk.example import read_example
from jinsu.sdk.saving import save_model

_LATENCY_MS, _TOLERANCE = 1000.0, 1e-4
_WORDS = [f"word{number}" for number in range(2000)]
_CLASSES, _WIDTH = 20, 32


@dataclass(frozen=True)
class Served:
    """A package and rows for it. title: in words. dtype: of the only input, as the manifest calls it."""

    name: str
    title: str
    folder: Path
    dtype: str
    rows: np.ndarray

    def bodies(self, key: str = "inputs") -> str:
        """One request a line: a document of `key` and one row."""
        return "\n".join(json.dumps({key: [row.tolist() if isinstance(row, np.ndarray) else row]}) for row in self.rows)

    def tensors(self, name: str, datatype: str) -> str:
        """One request of the Open Inference Protocol a line."""
        return "\n".join(json.dumps({"inputs": [self._tensor(row, name, datatype)]}) for row in self.rows)

    def _tensor(self, row: Any, name: str, datatype: str) -> dict[str, Any]:
        array = np.asarray([row])
        return {"name": name, "shape": array.shape, "datatype": datatype, "data": array.reshape(-1).tolist()}


def digits(place: Path) -> Served:
    """The network of examples/digits with random weights: as fast as a trained one."""
    from sklearn.datasets import load_digits
    from torch import nn

    layers = (nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    images = load_digits().images.reshape(-1, 1, 8, 8).astype(np.float32)
    return _torch(place, "digits", "digits CNN", nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10)), images[:256])


def picture(place: Path) -> Served:
    """A convolutional network of 25 M multiplications on 3×224×224 numbers from 0 to 255: 0.9 MB of JSON."""
    from torch import nn

    layers = [nn.Conv2d(3, 16, 7, 4, 3), nn.ReLU(), nn.Conv2d(16, 32, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 100)]
    pictures = np.random.default_rng(0).integers(0, 256, (4, 3, 224, 224)).astype(np.float32)
    return _torch(place, "picture", "3×224×224 picture", nn.Sequential(*layers), pictures)


def table(place: Path) -> Served:
    """A network of two layers on 100 columns."""
    from torch import nn

    rows = np.random.default_rng(0).normal(size=(256, 100)).round(4).astype(np.float32)
    layers = (nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2))
    return _torch(place, "table", "100-column table", nn.Sequential(*layers), rows)


def text(place: Path) -> Served:
    """Words of a title looked up, their vectors added, and a linear layer: the text goes in as it is."""
    generator = np.random.default_rng(0)
    numbers = {
        "weights": generator.normal(size=(len(_WORDS) + 1, _WIDTH)).astype(np.float32),
        "layer": generator.normal(size=(_WIDTH, _CLASSES)).astype(np.float32),
        "axes": np.array([1], np.int64),
    }
    look_up = {"keys_strings": _WORDS, "values_int64s": list(range(1, len(_WORDS) + 1)), "default_int64": 0}
    nodes = [
        helper.make_node("StringSplit", ["title"], ["words", "count"]),
        helper.make_node("LabelEncoder", ["words"], ["ids"], domain="ai.onnx.ml", **look_up),
        helper.make_node("Gather", ["weights", "ids"], ["vectors"]),
        helper.make_node("ReduceMean", ["vectors", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "layer"], ["scores"]),
    ]
    titles = [" ".join(generator.choice(_WORDS, 12)) for _ in range(256)]
    folder = place / "text"
    folder.mkdir()
    graph = helper.make_graph(
        nodes,
        "text",
        [helper.make_tensor_value_info("title", TensorProto.STRING, ["batch"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", _CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in numbers.items()],
    )
    versions = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)]
    onnx.save(helper.make_model(graph, opset_imports=versions, ir_version=10), str(folder / "model.onnx"))
    taken = {"name": "title", "dtype": "string", "shape": [-1], "nullable": False, "columns": None}
    given = {"name": "scores", "dtype": "float32", "shape": [-1, _CLASSES], "kind": "scores"}
    document = {"framework": "onnx", "inputs": [taken], "other": None}
    document["outputs"] = [{**given, "labels": None, "quantiles": None}]
    (folder / "model.json").write_text(json.dumps(document), encoding="utf-8")
    return Served("text", "text classifier", folder, "string", np.array(titles, dtype=object))


def _torch(place: Path, name: str, title: str, network: Any, rows: np.ndarray) -> Served:
    save_model(place / f"{name}-saved", network, read_example(rows[:64]))
    package(place / f"{name}-saved", place / name, _TOLERANCE, _LATENCY_MS)
    return Served(name, title, place / name, "float32", rows)


MODELS: Mapping[str, Any] = {"digits": digits, "picture": picture, "text": text, "table": table}
"""What makes each model in a folder, by name."""


def measured(measure: Callable[[Served, Path, Say], list[Figure]], say: Say) -> list[Figure]:
    """The figures of each model, or of those that JINSU_BENCH_MODELS names; each is measured in a folder of its own."""
    names = os.environ.get("JINSU_BENCH_MODELS", "").split() or list(MODELS)
    figures = []
    with folder() as place:
        say("exporting the models")
        for served in make(place, names):
            figures += measure(served, place / f"run-{served.name}", say)
    return figures


def make(place: Path, names: list[str]) -> list[Served]:
    import torch

    torch.manual_seed(0)
    return [MODELS[name](place) for name in names]
