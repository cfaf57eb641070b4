"""An ONNX file, and a second file for its weights when they are too many for one: protobuf ends at 2 GiB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinsu.sdk.model_files import WEIGHTS_FILE

MOST_INLINE = 3 << 29
"""Bytes of weights in the ONNX file itself; the graph needs the rest of 2 GiB."""


def needs_weights_file(size: int) -> bool:
    """Whether this many bytes of weights lie in a file of their own."""
    return size > MOST_INLINE


def write_model(model: Any, path: Path) -> None:
    """Writes an `onnx.ModelProto`, whose weights are all in memory."""
    import onnx

    if needs_weights_file(sum(len(tensor.raw_data) for tensor in tensors_of(model))):
        onnx.save(model, str(path), save_as_external_data=True, location=WEIGHTS_FILE, convert_attribute=True)
    else:
        onnx.save(model, str(path))


def tensors_of(model: Any) -> Iterator[Any]:
    """Every tensor of fixed values in an `onnx.ModelProto`: weights, and constants of operators, in inner graphs too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
        for one in (*sparse, *attribute.sparse_tensors):
            yield from (one.values, one.indices)
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _of_graph(graph)
