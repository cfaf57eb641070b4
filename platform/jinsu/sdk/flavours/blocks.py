"""Columns of a table as values of a graph: what a step of a pipeline takes, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from jinsu.sdk.example import Example, refuse

if TYPE_CHECKING:
    from jinsu.sdk.flavours.graph import Graph

NEVER = object()
"""The mark of a column of texts in which none is missing."""


@dataclass(frozen=True)
class Block:
    """Columns side by side: a value of shape [rows, width], float64 or texts.

    mark: what the original has where a text is missing and the graph has the empty text: None, NaN, or `NEVER`.
    """

    value: str
    width: int
    text: bool = False
    mark: Any = NEVER


Blocks: TypeAlias = tuple[Block, ...]
"""The columns of a table, from left to right."""


def given(graph: Graph, example: Example) -> Blocks:
    """The inputs of a file as columns, in the example's order. Raises SystemExit for an input that is no column."""
    return tuple(_given(graph, example, name) for name in example.inputs)


def _given(graph: Graph, example: Example, name: str) -> Block:
    array = example.inputs[name]
    if array.ndim > 2 or (array.ndim == 2 and len(example.inputs) > 1):
        refuse(
            f"the example of {name!r} has {array.ndim - 1} axes a row; a model of tables takes one value of each column."
        )
    width = array.shape[1] if array.ndim == 2 else 1
    value = name if array.ndim == 2 else graph.reshaped(name, [-1, 1])
    if array.dtype.kind == "O":
        return Block(value, width, text=True, mark=example.marks.get(name, NEVER))
    return Block(graph.cast(value, "float64"), width)


def width_of(blocks: Blocks) -> int:
    """How many columns there are."""
    return sum(block.width for block in blocks)


def numbers(graph: Graph, blocks: Blocks, reader: str) -> str:
    """All columns as one matrix of float64. reader: what takes it, for the refusal of a column of texts."""
    if any(block.text for block in blocks):
        refuse(f"{reader} gets a column of texts; put a OneHotEncoder or an OrdinalEncoder in front of it.")
    values = [block.value for block in blocks if block.width]
    return values[0] if len(values) == 1 else graph.add("Concat", values, axis=1)


def chosen(graph: Graph, blocks: Blocks, places: Sequence[int]) -> Blocks:
    """The columns at these places, in this order."""
    found: list[tuple[Block, list[int]]] = []
    for place in places:
        block, column = _at(blocks, int(place))
        if found and found[-1][0] is block:
            found[-1][1].append(column)
        else:
            found.append((block, [column]))
    return tuple(_columns(graph, block, columns) for block, columns in found)


def _at(blocks: Blocks, place: int) -> tuple[Block, int]:
    for block in blocks:
        if place < block.width:
            return block, place
        place -= block.width
    raise IndexError(place)


def _columns(graph: Graph, block: Block, columns: list[int]) -> Block:
    import numpy as np

    if columns == list(range(block.width)):
        return block
    value = graph.add("Gather", [block.value, graph.constant(np.array(columns, np.int64))], axis=1)
    return Block(value, len(columns), block.text, block.mark)


def singles(graph: Graph, blocks: Blocks) -> Blocks:
    """The same columns, each in a block of its own."""
    return tuple(column for place in range(width_of(blocks)) for column in chosen(graph, blocks, [place]))


def renamed_places(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the wanted columns stand among `names`. Raises SystemExit with those that are not there."""
    places: Mapping[str, int] = {name: place for place, name in enumerate(names)}
    if missing := [name for name in wanted if name not in places]:
        refuse(
            f"the model was fitted on the columns {', '.join(wanted)}; the example has no {', '.join(missing)[:200]}."
        )
    return [places[name] for name in wanted]
