"""The check of a model's cost: how long it turns and how much it makes follow from shapes, never from a request's values.

A value of the input is followed through the graph. What comes from a shape, an index or a comparison is bounded by what the
request sends, and so is what the graph bounds itself. The check protects honest models from surprises after their launch;
a model server ends a run that takes too much in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinsu.errors import GateFailedError
from jinsu.sdk.model_files import MODEL_FILE

# Which inputs of an operator say how large its output is.
_SIZES: Mapping[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "BeamSearch": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1,),
    "ConstantOfShape": (0,),
    "DFT": (1,),
    "Expand": (1,),
    "GreedySearch": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MaxUnpool": (2,),
    "MelWeightMatrix": (0, 1),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "Sampling": (1,),
    "Tile": (1,),
    "Upsample": (1,),
}
_BOUNDED = frozenset(
    {
        "And",
        "ArgMax",
        "ArgMin",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "IsInf",
        "IsNaN",
        "Less",
        "LessOrEqual",
        "Not",
        "Or",
    }
    | {"Shape", "Sign", "Size", "Xor"}
)
_BOUNDED_BY_ANOTHER = {"Min": None, "Mod": 1, "Clip": 2}  # None: any input is enough


_FROM_SHAPES = frozenset({"Shape", "Size", "SequenceLength"})


@dataclass(frozen=True)
class _Names:
    """What follows from the values of a request. free: names without a bound. values: all of them, bounded or not."""

    free: set[str]
    values: set[str]

    def within(self, graph: Any, free: Iterable[str], values: Iterable[str]) -> _Names:
        """The names as an inner graph sees them, whose inputs shadow those around it."""
        own = {value.name for value in graph.input}
        return _Names((self.free - own) | set(free), (self.values - own) | set(values))


def check_cost(path: Path) -> None:
    """Raises GateFailedError with the operator whose work has no bound. The file is an ONNX file."""
    import onnx
    from onnx import inliner

    model = onnx.load(str(path), load_external_data=False)
    if model.functions:
        model = inliner.inline_local_functions(model)
    constants = {weight.name for weight in model.graph.initializer}
    given = {value.name for value in model.graph.input} - constants
    _check(model.graph, _Names(set(given), set(given)))


def _check(graph: Any, names: _Names) -> None:
    """Checks every operator of a graph, and adds to the names what follows from them."""
    for node in graph.node:
        _check_node(node, names)
        for inner in _inner_graphs(node):
            turned = [value.name for value in inner.input[_counters(node) :]]
            _check(inner, names.within(inner, turned, turned))
        if not _is_bounded(node, names.free):
            names.free.update(node.output)
        if node.op_type not in _FROM_SHAPES and (_inner_graphs(node) or names.values.intersection(node.input)):
            names.values.update(node.output)


def _check_node(node: Any, names: _Names) -> None:
    named = f"operator {node.op_type}{f' {node.name!r}' if node.name else ''}"
    if node.op_type == "Loop" and _has_no_end(node, names):
        raise GateFailedError(
            f"{MODEL_FILE}: {named} turns as often as a request's values say, so one request could take for ever; "
            "give it a number of turns that is fixed or follows from a shape."
        )
    inputs = [node.input[place] for place in _SIZES.get(node.op_type, ()) if place < len(node.input)]
    if any(name in names.free for name in inputs):
        raise GateFailedError(
            f"{MODEL_FILE}: {named} makes as many values as a request's values say, so one request could take all memory; "
            "bound the number in the model (torch.clamp with max=…), or take it from a shape."
        )


def _has_no_end(node: Any, names: _Names) -> bool:
    """Whether the number of turns follows from a request's values: the limit or, without one, the condition."""
    if node.input[0]:
        return node.input[0] in names.free
    (body,) = _inner_graphs(node)
    given = {inner.name for inner, outer in zip(body.input[2:], node.input[2:], strict=False) if outer in names.values}
    while True:  # what one turn makes of a value is what the next turn gets
        seen = names.within(body, (), given)
        for step in body.node:
            if step.op_type not in _FROM_SHAPES and (_inner_graphs(step) or seen.values.intersection(step.input)):
                seen.values.update(step.output)
        carried = {
            inner.name for inner, made in zip(body.input[2:], body.output[1:], strict=False) if made.name in seen.values
        }
        if carried <= given:
            return body.output[0].name in seen.values or not _counts(body)
        given |= carried


def _counts(body: Any) -> bool:
    """Whether a turn's condition compares what changes from turn to turn; another one holds for ever, or not at all."""
    made = {name: step for step in body.node for name in step.output}
    step = made.get(body.output[0].name)
    while step is not None and step.op_type == "Identity":
        step = made.get(step.input[0])
    if step is None or step.op_type not in _BOUNDED:
        return False
    changing = {body.input[0].name, *(value.name for value in body.input[2:]), *made}
    return bool(changing.intersection(step.input))


def _inner_graphs(node: Any) -> list[Any]:
    graphs = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return [*graphs, *(graph for attribute in node.attribute for graph in attribute.graphs)]


def _counters(node: Any) -> int:
    """How many of the first inputs of an inner graph are counted by onnxruntime itself."""
    return 1 if node.op_type == "Loop" else 0


def _is_bounded(node: Any, free: set[str]) -> bool:
    if node.op_type in _BOUNDED:
        return True
    if node.op_type in _BOUNDED_BY_ANOTHER:
        place = _BOUNDED_BY_ANOTHER[node.op_type]
        bounds = list(node.input) if place is None else list(node.input[place : place + 1])
        return any(name and name not in free for name in bounds)
    return not _inner_graphs(node) and not any(name in free for name in node.input)
