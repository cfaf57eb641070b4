"""Writes an ONNX graph operator by operator; each call answers the name of what the operator makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Body = Callable[["GraphBuilder", str, list[str]], tuple[str, list[str], list[str]]]
"""What one turn of a loop does, from the turn's number and the carried names: whether it goes on (bool, one value), what
is carried on, and what is collected from each turn along a new first axis."""


class GraphBuilder:
    """The operators and constants of one graph. Inner graphs see the names of the graph around them."""

    def __init__(self, parent: GraphBuilder | None = None) -> None:
        self._counter: list[int] = parent._counter if parent else [0]
        self._initializers: list[Any] = parent._initializers if parent else []
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], str] = parent._constants if parent else {}
        self._nodes: list[Any] = []

    def _fresh(self, kind: str) -> str:
        self._counter[0] += 1
        return f"{kind.lower()}{self._counter[0]}"

    def constant(self, values: Any, kind: str = "int64") -> str:
        """A tensor of fixed values; the same values are stored once."""
        import numpy as np
        from onnx import numpy_helper

        array = np.asarray(values, dtype=kind)
        key = (kind, array.tobytes(), array.shape)
        if key not in self._constants:
            name = self._constants[key] = self._fresh("constant")
            self._initializers.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def op(self, kind: str, *inputs: str | np.ndarray | int | list[int], domain: str = "", **attributes: Any) -> str:
        """One operator with one output. Numbers and lists among the inputs become int64 constants."""
        return self.ops(kind, 1, *inputs, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, outputs: int, *inputs: str | np.ndarray | int | list[int], domain: str = "", **attributes: Any
    ) -> list[str]:
        """One operator with several outputs."""
        from onnx import helper

        names = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        made = [self._fresh(kind) for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, names, made, domain=domain, **attributes))
        return made

    def lookup(self, keys: str, table: dict[Any, int], default: int = 0) -> str:
        """The value of each key, int64; `default` where the table has none. Keys are all texts or all whole numbers."""
        values = list(table.values()) or [default]
        named = list(table) or [0]  # the attributes must not be empty
        kind = "keys_strings" if isinstance(named[0], str) else "keys_int64s"
        return self.op(
            "LabelEncoder",
            keys,
            domain="ai.onnx.ml",
            default_int64=default,
            values_int64s=values,
            **{kind: named},
        )

    def loop(self, turns: str, carried: Sequence[tuple[str, str]], collected: Sequence[str], body: Body) -> list[str]:
        """At most `turns` turns. carried: names with their types; collected: types of what each turn adds.

        Returns the names of what is carried out, then of what was collected.
        """
        from onnx import TensorProto, helper

        inner, turn = GraphBuilder(self), self._fresh("turn")
        given = [self._fresh("carried") for _ in carried]
        goes_on, after, kept = body(inner, turn, list(given))
        took = self._fresh("going")
        types = [getattr(TensorProto, kind.upper()) for _, kind in carried]
        kept_types = [getattr(TensorProto, kind.upper()) for kind in collected]

        def info(name: str, kind: int, shape: list[int] | None = None) -> Any:
            return helper.make_tensor_value_info(name, kind, shape)

        graph = helper.make_graph(
            inner._nodes,
            self._fresh("body"),
            [
                info(turn, TensorProto.INT64, []),
                info(took, TensorProto.BOOL, []),
                *map(info, given, types),
            ],
            [info(goes_on, TensorProto.BOOL, []), *map(info, after, types), *map(info, kept, kept_types)],
        )
        always = self.constant(True, "bool")
        made = [self._fresh("looped") for _ in (*carried, *collected)]
        self._nodes.append(helper.make_node("Loop", [turns, always, *(name for name, _ in carried)], made, body=graph))
        return made

    def model(self, text: str, ids: str, width: int, made: str, opset: int, ir_version: int) -> Any:
        """The graph from the texts `text` to the numbers `ids`, (batch, width), which it calls `made`; an `onnx.ModelProto`."""
        from onnx import TensorProto, helper

        self._nodes.append(helper.make_node("Identity", [made], [ids]))
        graph = helper.make_graph(
            self._nodes,
            "subwords",
            [helper.make_tensor_value_info(text, TensorProto.STRING, ["batch"])],
            [helper.make_tensor_value_info(ids, TensorProto.INT64, ["batch", width])],
            self._initializers,
        )
        domains = {"": opset, "ai.onnx.ml": 4, "com.microsoft": 1}
        opsets = [helper.make_opsetid(domain, version) for domain, version in domains.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
