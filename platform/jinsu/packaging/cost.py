"""The check of a model's cost: how long it turns and how much it makes follow from shapes, never from a request's values.

A value of the input is followed through the graph. What comes from a shape, an index or a comparison is bounded by what the
request sends, and so is what the graph bounds itself. The check protects honest models from surprises after their launch;
a model server ends a run that takes too much in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def check_cost(path: Path) -> None:
    """Raises GateFailedError with the operator whose work has no bound. The file is an ONNX file."""
    import onnx
    from onnx import inliner

    model = onnx.load(str(path), load_external_data=False)
    if model.functions:
        model = inliner.inline_local_functions(model)
    constants = {weight.name for weight in model.graph.initializer}
    _check(model.graph, {value.name for value in model.graph.input} - constants)


def _check(graph: Any, outside: set[str]) -> None:
    """outside: names, of this graph and of those around it, whose values follow from the values of a request."""
    free = set(outside)
    for node in graph.node:
        _check_node(node, free)
        for inner in _inner_graphs(node):
            _check(inner, free | {value.name for value in inner.input[_counters(node) :]})
        if not _is_bounded(node, free):
            free.update(node.output)


def _check_node(node: Any, free: set[str]) -> None:
    named = f"operator {node.op_type}{f' {node.name!r}' if node.name else ''}"
    if node.op_type == "Loop" and (not node.input[0] or node.input[0] in free):
        raise GateFailedError(
            f"{MODEL_FILE}: {named} turns as often as a request's values say, so one request could take for ever; "
            "give it a number of turns that is fixed or follows from a shape."
        )
    inputs = [node.input[place] for place in _SIZES.get(node.op_type, ()) if place < len(node.input)]
    if any(name in free for name in inputs):
        raise GateFailedError(
            f"{MODEL_FILE}: {named} makes as many values as a request's values say, so one request could take all memory; "
            "bound the number in the model (torch.clamp with max=…), or take it from a shape."
        )


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
