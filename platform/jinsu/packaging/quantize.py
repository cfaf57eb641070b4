"""Weights of eight bits: a graph whose multiplications with fixed matrices, and whose tables, use whole numbers.

Each row of what is multiplied gets a scale of its own, so an answer never depends on the other rows of its batch, as it does
with onnxruntime's own dynamic quantisation, whose scale is that of the whole batch. Weights have a scale for each column
(multiplications) or each row (tables). All zero points are 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.sdk.model_files import MODEL_FILE

_LEAST_WEIGHTS = 1024
"""Smaller ones gain nothing."""
_LARGEST, _MIDDLE = 127, 128
_LARGEST_WEIGHT = 63
"""Of a matrix that is multiplied: processors before VNNI add two products in 16 bits, and 2 × 255 × 63 is the most that fits."""
_LEAST_OPSET = 18
_NO_ZERO = np.float32(1e-30)


def quantize(source: Path, target: Path) -> None:
    """Writes the ONNX file `target` with weights of eight bits.

    Raises GateFailedError for a model that has nothing to quantise, and for one whose weights lie in a file of their own.
    """
    import onnx

    model = onnx.load(str(source), load_external_data=False)
    if any(weight.external_data for weight in model.graph.initializer):
        raise GateFailedError("serve.quantize: a model whose weights lie in model.onnx.data cannot be quantised.")
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    nodes, new = [], _Weights(model.graph)
    for node in model.graph.node:
        nodes += _quantized(node, new) if opset >= _LEAST_OPSET else [node]
    if not new.made:
        raise GateFailedError(
            f"serve.quantize: {MODEL_FILE} has no multiplication with a fixed matrix, and no table, of {_LEAST_WEIGHTS} "
            f"values of float32 or more in operators of version {_LEAST_OPSET} or later; leave the line out."
        )
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    new.replace()
    onnx.save(model, str(target))


@dataclass(frozen=True)
class _Matrix:
    """Names of a weight's whole numbers and of its scales."""

    numbers: str
    scales: str


class _Weights:
    """The weights of a graph, those that became whole numbers among them."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._found: Mapping[str, Any] = {weight.name: weight for weight in graph.initializer}
        self._uses = Counter(name for name in _read(graph))
        self._replaced: Counter[str] = Counter()
        self.made: dict[str, Any] = {}

    def matrix(self, name: str, axis: int, transposed: bool = False) -> _Matrix | None:
        """The weight with a scale for each place along the other axis than `axis`; None when it is none to quantise."""
        from onnx import TensorProto, numpy_helper

        weight = self._found.get(name)
        if weight is None or weight.data_type != TensorProto.FLOAT or len(weight.dims) != 2:
            return None
        if int(np.prod(weight.dims)) < _LEAST_WEIGHTS:
            return None
        kind = f"{name}/int8/{axis}{'t' if transposed else ''}"
        named = _Matrix(f"{kind}/numbers", f"{kind}/scales")
        self._replaced[name] += 1
        if named.numbers not in self.made:
            values = numpy_helper.to_array(weight)
            values = values.T if transposed else values
            most = _LARGEST_WEIGHT if axis == 0 else _LARGEST
            scales = np.abs(values).max(axis=axis, keepdims=True).astype(np.float32) / np.float32(most)
            numbers = np.rint(values / np.maximum(scales, _NO_ZERO)).astype(np.int8)
            self.made[named.numbers] = numpy_helper.from_array(np.ascontiguousarray(numbers), named.numbers)
            self.made[named.scales] = numpy_helper.from_array(scales, named.scales)
        return named

    def constant(self, name: str, values: Any) -> str:
        """A weight that several operators share."""
        from onnx import numpy_helper

        self.made.setdefault(name, numpy_helper.from_array(np.asarray(values), name))
        return name

    def replace(self) -> None:
        """Puts the whole numbers into the graph, and takes out the weights that nothing reads any more."""
        kept = [weight for name, weight in self._found.items() if self._uses[name] > self._replaced[name]]
        del self._graph.initializer[:]
        self._graph.initializer.extend([*kept, *self.made.values()])


def _read(graph: Any) -> Iterator[str]:
    """The names that the graph reads, in inner graphs too, and those that it answers."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _read(inner)
    yield from (value.name for value in graph.output)


def _quantized(node: Any, weights: _Weights) -> list[Any]:
    """The operators that do what this one does; itself where nothing is quantised."""
    if node.domain not in ("", "ai.onnx"):
        return [node]
    if node.op_type == "MatMul":
        matrix = weights.matrix(node.input[1], 0)
        return list(_multiplied(node, matrix, weights, node.output[0])) if matrix else [node]
    if node.op_type == "Gemm":
        return _gemm(node, weights)
    if node.op_type == "Gather" and not any(attribute.name == "axis" and attribute.i for attribute in node.attribute):
        matrix = weights.matrix(node.input[0], 1)
        return list(_gathered(node, matrix)) if matrix else [node]
    return [node]


def _gemm(node: Any, weights: _Weights) -> list[Any]:
    from onnx import helper

    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if options.get("transA") or options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0:
        return [node]
    matrix = weights.matrix(node.input[1], 0, bool(options.get("transB")))
    if matrix is None:
        return [node]
    biased = len(node.input) > 2 and bool(node.input[2])
    product = f"{node.output[0]}/product" if biased else node.output[0]
    made = list(_multiplied(node, matrix, weights, product))
    if biased:
        made.append(helper.make_node("Add", [product, node.input[2]], [node.output[0]]))
    return made


def _multiplied(node: Any, matrix: _Matrix, weights: _Weights, answer: str) -> Iterator[Any]:
    """The product of a tensor, each row in whole numbers of its own scale, with a matrix of whole numbers."""
    from onnx import TensorProto, helper

    place = f"{node.output[0]}/int8/"
    last = weights.constant("int8/last", np.array([-1], dtype=np.int64))
    largest = weights.constant("int8/largest", np.float32(_LARGEST))
    middle = weights.constant("int8/middle", np.float32(_MIDDLE))
    zero = weights.constant("int8/zero", np.uint8(_MIDDLE))
    nothing = weights.constant("int8/nothing", np.float32(0))
    least = weights.constant("int8/least", _NO_ZERO)
    make = helper.make_node
    yield make("Abs", [node.input[0]], [f"{place}size"])
    yield make("ReduceMax", [f"{place}size", last], [f"{place}most"], keepdims=1)
    yield make("Max", [f"{place}most", least], [f"{place}some"])
    # The largest leaves out what is no number; the sum does not, so the answer is no number either.
    yield make("ReduceSum", [f"{place}size", last], [f"{place}total"], keepdims=1)
    yield make("Mul", [f"{place}total", nothing], [f"{place}number"])
    yield make("Add", [f"{place}some", f"{place}number"], [f"{place}real"])
    yield make("Div", [f"{place}real", largest], [f"{place}scale"])
    yield make("Div", [node.input[0], f"{place}scale"], [f"{place}exact"])
    yield make("Round", [f"{place}exact"], [f"{place}whole"])
    # onnxruntime is fast for rows of numbers from 0 to 255.
    yield make("Add", [f"{place}whole", middle], [f"{place}raised"])
    yield make("Cast", [f"{place}raised"], [f"{place}row"], to=TensorProto.UINT8)
    yield make("MatMulInteger", [f"{place}row", matrix.numbers, zero], [f"{place}sum"])
    yield make("Cast", [f"{place}sum"], [f"{place}float"], to=TensorProto.FLOAT)
    yield make("Mul", [f"{place}float", matrix.scales], [f"{place}scaled"])
    yield make("Mul", [f"{place}scaled", f"{place}scale"], [answer])


def _gathered(node: Any, matrix: _Matrix) -> Iterator[Any]:
    """Rows of a table of whole numbers."""
    from onnx import TensorProto, helper

    place = f"{node.output[0]}/int8/"
    yield helper.make_node("Gather", [matrix.numbers, node.input[1]], [f"{place}row"])
    yield helper.make_node("Cast", [f"{place}row"], [f"{place}float"], to=TensorProto.FLOAT)
    yield helper.make_node("Gather", [matrix.scales, node.input[1]], [f"{place}scale"])
    yield helper.make_node("Mul", [f"{place}float", f"{place}scale"], [node.output[0]])
