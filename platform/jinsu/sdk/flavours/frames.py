"""Tables in the form in which scikit-learn, XGBoost and LightGBM take them: a data frame, or one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import DEFAULT_INPUT, Example, refuse
from jinsu.sdk.flavours.blocks import NEVER, Block, Blocks, chosen, given, renamed_places

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.flavours.graph import Graph


def table(columns: Sequence[np.ndarray], names: Sequence[str] | None) -> Any:
    """The columns as a data frame of pandas when they have names, else as an array of two axes."""
    import numpy as np

    if names is not None:
        import pandas as pd  # whoever fitted a model on named columns has it

        return pd.DataFrame(
            {name: pd.Series(column, dtype=column.dtype) for name, column in zip(names, columns, strict=True)}
        )
    mixed = any(column.dtype.kind == "O" for column in columns)
    return np.column_stack([column.astype(object) if mixed else column for column in columns])


def categorical(column: Any, categories: Sequence[Any]) -> Any:
    """A column with the type category of pandas."""
    import pandas as pd

    return pd.Categorical(column, categories=list(categories))


def taken(graph: Graph, example: Example, names: Sequence[str] | None, one_axis: bool = False) -> tuple[Any, Blocks]:
    """The example as the original takes it, and the same columns in the graph.

    names: the columns that the model was fitted on, in its order; None for one that was fitted on an array. one_axis: it
    was fitted on texts without a second axis.
    """
    blocks = given(graph, example)
    if one_axis and len(example.inputs) == 1:
        return _with_missing(example.only.reshape(-1), blocks[0]), blocks
    if list(example.inputs) == [DEFAULT_INPUT]:
        rows = _with_missing(example.only, blocks[0])
        if names is None:
            return rows, blocks
        return _matrix(graph, rows, example.columns, names, blocks)
    wanted = list(names) if names is not None else list(example.inputs)
    places = renamed_places(list(example.inputs), wanted)
    columns = [_with_missing(example.inputs[name], blocks[place]) for name, place in zip(wanted, places, strict=True)]
    return table([column.reshape(-1) for column in columns], names), tuple(blocks[place] for place in places)


def _matrix(
    graph: Graph, rows: np.ndarray, columns: Sequence[str] | None, names: Sequence[str], blocks: Blocks
) -> tuple[Any, Blocks]:
    """A model that was fitted on named columns, with an example that is one array."""
    if rows.ndim != 2 or rows.shape[1] != len(columns or names):
        refuse(f"the model was fitted on {len(names)} columns; the example's shape is {list(rows.shape)}.")
    places = renamed_places(columns, names) if columns is not None else list(range(len(names)))
    return table([rows[:, place] for place in places], names), chosen(graph, blocks, places)


def _with_missing(array: np.ndarray, block: Block) -> np.ndarray:
    """The rows as the script had them: an empty text is a missing one again, where some are missing."""
    import numpy as np

    if block.mark is NEVER:
        return array
    restored = array.copy()
    restored[np.equal(array, "").astype(bool)] = block.mark
    return restored
