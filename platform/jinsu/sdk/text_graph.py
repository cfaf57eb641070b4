"""What makes numbers of texts, in front of an ONNX file: one graph for each kind of tokenizer, joined here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from jinsu.sdk.example import refuse

TEXT, IDS = "input", "ids"
"""Names of the only input and the only output of a tokenizer's graph."""
_LEAST_OPSET = 20
"""The first with operators for texts."""


class TextGraph(Protocol):
    """Builds a graph from `TEXT`, string (batch,), to `IDS`, for a version of the operators and of the file."""

    def __call__(self, opset: int, ir_version: int) -> Any:
        """The graph as an `onnx.ModelProto`."""


def prepend(graph: TextGraph, path: Path, name: str) -> None:
    """Puts a tokenizer in front of the input `name` of an ONNX file, which takes texts from then on.

    Weights in a file of their own stay there, unread.
    """
    import onnx

    model = _with_texts(onnx.load(str(path), load_external_data=False))
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    # Two tokenizers, and the model behind them, must not use one name for two things; the batch axis keeps its name.
    front = graph(opset, model.ir_version)
    _add_prefix(front.graph, f"{name}/")
    _rename(front.graph, f"{name}/{TEXT}", name)
    _rename(model.graph, name, f"{name}/{IDS}")
    _join(front, model, name)
    onnx.save(model, str(path))
    onnx.checker.check_model(str(path))


def _join(front: Any, model: Any, name: str) -> None:
    """Adds the front to the model, whose input it answers. `onnx.compose` would read all weights to do so."""
    kept = [value for value in model.graph.input if value.name != f"{name}/{IDS}"]
    place = [value.name for value in model.graph.input].index(f"{name}/{IDS}")
    kept.insert(place, front.graph.input[0])
    del model.graph.input[:]
    model.graph.input.extend(kept)
    nodes = [*front.graph.node, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(front.graph.initializer)
    there = {entry.domain for entry in model.opset_import}
    model.opset_import.extend(entry for entry in front.opset_import if entry.domain not in there)


def _add_prefix(graph: Any, prefix: str) -> None:
    """Gives every value of a graph a prefix, in inner graphs too, which `onnx.compose` leaves with the names around them.

    The name of the batch axis stays.
    """
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = prefix + value.name
    for node in graph.node:
        node.input[:] = [name and prefix + name for name in node.input]
        node.output[:] = [name and prefix + name for name in node.output]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _add_prefix(attribute.g, prefix)


def _with_texts(model: Any) -> Any:
    """The model in a version of the operators that has operators for texts."""
    from onnx import version_converter

    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset >= _LEAST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, _LEAST_OPSET)
    except Exception as problem:  # the converter raises what its passes raise
        refuse(f"tokenizer: the model is of opset {opset}; export it with opset {_LEAST_OPSET} or later ({problem}).")


def _rename(graph: Any, former: str, name: str) -> None:
    """Gives an input of a graph another name, in inner graphs too."""
    for value in graph.input:
        if value.name == former:
            value.name = name
    for node in graph.node:
        node.input[:] = [name if read == former else read for read in node.input]
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                if former not in {value.name for value in inner.input}:
                    _rename(inner, former, name)
