"""What XGBoost and LightGBM have in common: columns of categories, and a Booster without the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import DEFAULT_INPUT, Example
from jinsu.sdk.flavours.blocks import Block, Blocks, singles
from jinsu.sdk.flavours.frames import categorical
from jinsu.sdk.flavours.sklearn_columns import category_code

if TYPE_CHECKING:
    from jinsu.sdk.flavours.graph import Graph

Categories = Mapping[int, Sequence[Any]]
"""The categories of a column, by its place, in the order of their codes."""


def with_categories(rows: Any, categories: Categories) -> Any:
    """A data frame whose columns of categories have the type that the library wants."""
    if not categories:
        return rows
    rows = rows.copy()
    for place, known in categories.items():
        name = rows.columns[place]
        rows[name] = categorical(rows[name], known)
    return rows


def coded(graph: Graph, blocks: Blocks, categories: Categories) -> Blocks:
    """Columns of categories as their codes; a category that training did not see counts as missing."""
    if not categories:
        return blocks
    import numpy as np

    found = list(singles(graph, blocks))
    for place, known in categories.items():
        code = category_code(graph, np.array(known, dtype=object), found[place])
        unseen = graph.add("Equal", [code, graph.constant(np.array([len(known)], np.int64))])
        value = graph.add("Where", [unseen, graph.nan(), graph.cast(code, "float64")])
        found[place] = Block(graph.reshaped(value, [-1, 1]), 1)
    return tuple(found)


def names_of(example: Example, fitted: Sequence[str] | None) -> list[str] | None:
    """The example's names of the columns that a model was fitted on; None for a model without names of its own.

    LightGBM writes names with underscores for spaces, and calls columns without names `Column_0` and so on.
    """
    if fitted is None or list(fitted) == [f"Column_{place}" for place in range(len(fitted))]:
        return None
    given = list(example.inputs) if list(example.inputs) != [DEFAULT_INPUT] else list(example.columns or ())
    spelled = {name.replace(" ", "_"): name for name in given}
    return [name if name in given else spelled.get(name, name) for name in fitted]


def first_line(problem: Exception) -> str:
    """What went wrong, on one line."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:300]
