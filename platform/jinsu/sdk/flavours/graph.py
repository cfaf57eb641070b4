"""An ONNX graph that is put together piece by piece: operators, constants, and whole graphs that a converter wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.example import Example

OPSET, ML_OPSET = 19, 3
"""Versions of the operators of ONNX, and of those for classic machine learning, that every graph here is written in."""
ML = "ai.onnx.ml"
_IR_VERSION = 9


@dataclass
class Graph:
    """Operators in the order in which they run. domains: versions of the sets of operators that they come from."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    domains: dict[str, int] = field(default_factory=lambda: {"": OPSET, ML: ML_OPSET})
    _count: int = 0

    def name(self, hint: str) -> str:
        """A name that nothing else in the graph has. The names of inputs and outputs never begin with a slash twice."""
        self._count += 1
        return f"//{hint}_{self._count}"

    def add(self, operator: str, inputs: Sequence[str], *, domain: str = "", to: str = "", **attributes: Any) -> str:
        """Adds an operator with one output, and returns the output's name: `to`, or a new one."""
        from onnx import helper

        output = to or self.name(operator)
        self.nodes.append(helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, array: np.ndarray) -> str:
        """Adds a constant, and returns its name."""
        from onnx import numpy_helper

        name = self.name("constant")
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def cast(self, value: str, dtype: str) -> str:
        """The value as numbers of another type of numpy."""
        import numpy as np
        from onnx import helper

        output = self.name("Cast")
        self.nodes.append(
            helper.make_node("Cast", [value], [output], to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        )
        return output

    def matrix(self, rows: object) -> str:
        """Adds a constant of float64."""
        import numpy as np

        return self.constant(np.asarray(rows, dtype=np.float64))

    def nan(self) -> str:
        """A NaN. It is computed, because a package holds finite weights only."""
        return self.add("Sqrt", [self.matrix([-1.0])])

    def reshaped(self, value: str, shape: Sequence[int]) -> str:
        """The same values in another shape; 0 keeps an axis."""
        import numpy as np

        return self.add("Reshape", [value, self.constant(np.array(shape, np.int64))])

    def absorb(self, model: Any, inputs: Mapping[str, str]) -> list[str]:
        """Adds a whole ONNX model whose inputs are the given values, and returns its outputs in their order."""
        from onnx import compose

        self._count += 1
        prefix = f"//m{self._count}/"
        inner = compose.add_prefix(model, prefix)
        for given, value in inputs.items():
            self.add("Identity", [value], to=prefix + given)
        self.nodes.extend(inner.graph.node)
        self.constants.extend(inner.graph.initializer)
        for opset in inner.opset_import:
            self.domains[opset.domain] = max(opset.version, self.domains.get(opset.domain, 1))
        return [output.name for output in inner.graph.output]

    def write(self, path: Path, example: Example, outputs: Mapping[str, tuple[str, np.ndarray]]) -> tuple[str, ...]:
        """Writes the file, and returns which of the example's inputs it has: those that the outputs depend on.

        outputs: by name, a value of the graph and answers like its own.
        """
        import onnx
        from onnx import helper

        for name, (value, _) in outputs.items():
            self.add("Identity", [value], to=name)
        nodes, needed = self._needed(outputs)
        read = tuple(name for name in example.inputs if name in needed) or tuple(example.inputs)[:1]
        taken = [_tensor_of(name, example.inputs[name]) for name in read]
        given = [_tensor_of(name, answer) for name, (_, answer) in outputs.items()]
        constants = [constant for constant in self.constants if constant.name in needed]
        made = helper.make_graph(nodes, "model", taken, given, constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.domains.items()]
        onnx.save(
            helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="jinsu"), str(path)
        )
        return read

    def _needed(self, outputs: Iterable[str]) -> tuple[list[Any], set[str]]:
        """The operators that the outputs depend on, in their order, and the names of all values that those read."""
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(_read_by(node))
        return kept[::-1], needed


def output_name(name: str, example: Example) -> str:
    """The name itself, or another one when a column has it."""
    while name in example.inputs:
        name = f"predicted_{name}"
    return name


def _read_by(node: Any) -> Iterator[str]:
    """The values that an operator reads, those in its inner graphs too."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _read_by(inner)


def _tensor_of(name: str, array: np.ndarray) -> Any:
    from onnx import TensorProto, helper

    text = array.dtype.kind in "OU"
    kind = TensorProto.STRING if text else helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, ["rows", *array.shape[1:]])
