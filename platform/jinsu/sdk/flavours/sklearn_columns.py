"""Steps of scikit-learn that look at each column by itself: imputers, encoders, scalers and plain functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from jinsu.sdk.example import refuse
from jinsu.sdk.flavours.blocks import NEVER, Block, Blocks, chosen, numbers, singles, width_of
from jinsu.sdk.flavours.frames import table
from jinsu.sdk.flavours.graph import ML

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.flavours.graph import Graph

Step: TypeAlias = "Callable[[Graph, Any, Blocks], Blocks]"
"""Adds what a fitted transformer does to the graph."""


# --- Missing values ---


def imputed(graph: Graph, imputer: Any, blocks: Blocks) -> Blocks:
    """A SimpleImputer: missing values become the column's statistic."""
    parts = singles(graph, blocks) if any(block.text for block in blocks) else (_joined(graph, imputer, blocks),)
    filled: list[Block] = []
    start = 0
    for part in parts:
        filled.extend(_filled(graph, imputer, part, imputer.statistics_[start : start + part.width]))
        start += part.width
    if imputer.indicator_ is None:
        return tuple(filled)
    asked = chosen(graph, parts, imputer.indicator_.features_)
    return (*filled, *(Block(graph.cast(_missing(graph, imputer, one), "float64"), one.width) for one in asked))


def _joined(graph: Graph, step: Any, blocks: Blocks) -> Block:
    return Block(numbers(graph, blocks, _name(step)), width_of(blocks))


def _filled(graph: Graph, imputer: Any, part: Block, statistics: np.ndarray) -> Blocks:
    """A column that was empty in training has no statistic and is left out."""
    import numpy as np

    kept = [place for place, value in enumerate(statistics.tolist()) if not _is_missing(value)]
    if not kept:
        return ()
    (kept_part,) = chosen(graph, (part,), kept)
    fill = statistics[kept].astype(object if part.text else np.float64).reshape(1, -1)
    missing = _missing(graph, imputer, kept_part)
    value = graph.add("Where", [missing, graph.constant(fill), kept_part.value])
    replaced = not isinstance(imputer.missing_values, str) and _alike(part.mark, imputer.missing_values)
    return (Block(value, len(kept), part.text, NEVER if replaced else part.mark),)


def _missing(graph: Graph, imputer: Any, part: Block) -> str:
    """Where the imputer finds a missing value, as booleans of the same shape."""
    import numpy as np

    wanted = imputer.missing_values
    if part.text:
        if isinstance(wanted, str):
            return graph.add("Equal", [part.value, graph.constant(np.array([wanted], object))])
        empty = graph.add("Equal", [part.value, graph.constant(np.array([""], object))])
        never = graph.constant(np.array([_alike(part.mark, wanted)]))
        return graph.add("And", [empty, never])
    if _is_missing(wanted):
        return graph.add("IsNaN", [part.value])
    return graph.add("Equal", [part.value, graph.matrix([wanted])])


def _is_missing(value: object) -> bool:
    return value is None or value != value


def _alike(mark: object, other: object) -> bool:
    """Whether both are None, or both NaN."""
    return mark is not NEVER and ((mark is None) == (other is None)) and _is_missing(other)


# --- Categories ---


def one_hot(graph: Graph, encoder: Any, blocks: Blocks) -> Blocks:
    import numpy as np

    _refuse_errors(encoder, "handle_unknown='ignore' (a row of zeros) or 'infrequent_if_exist'")
    found: list[Block] = []
    start = 0
    for place, block in enumerate(singles(graph, blocks)):
        width = int(encoder._n_features_outs[place])
        columns = slice(start, start + width)
        start += width
        hot = _probed(encoder, place)[:, columns]
        hot = hot.tocoo() if hasattr(hot, "tocoo") else hot
        rows, at = (hot.row, hot.col) if hasattr(hot, "row") else np.nonzero(hot)
        places = np.full((hot.shape[0], 1), -1, np.int64)
        places[rows, 0] = at
        code = category_code(graph, encoder.categories_[place], block)
        column = graph.add("Gather", [graph.constant(places), code], axis=0)
        same = graph.add("Equal", [column, graph.constant(np.arange(width, dtype=np.int64).reshape(1, -1))])
        found.append(Block(graph.cast(same, "float64"), width))
    return tuple(found)


def looked_up(graph: Graph, encoder: Any, blocks: Blocks) -> Blocks:
    """An OrdinalEncoder or a TargetEncoder: each category has its numbers."""
    if hasattr(encoder, "handle_unknown"):
        _refuse_errors(encoder, "handle_unknown='use_encoded_value' with an unknown_value")
    found = []
    for place, block in enumerate(singles(graph, blocks)):
        table = _probed(encoder, place)
        width = table.shape[1] // len(encoder.categories_)
        mine = table[:, place * width : (place + 1) * width]
        found.append(Block(_gathered(graph, mine, category_code(graph, encoder.categories_[place], block)), width))
    return tuple(found)


def _refuse_errors(encoder: Any, instead: str) -> None:
    if encoder.handle_unknown == "error":
        refuse(
            f"{_name(encoder)} cannot be exported with handle_unknown='error': a server would have no answer to a category "
            f"that training did not see; fit it with {instead}."
        )


def _probed(encoder: Any, place: int) -> Any:
    """What the encoder itself answers to each category of one column, and in the last row to an unseen one."""
    import warnings

    import numpy as np

    known = encoder.categories_[place].tolist()
    columns = []
    for other, categories in enumerate(encoder.categories_):
        values = [*known, _unseen(known)] if other == place else [categories.tolist()[0]] * (len(known) + 1)
        columns.append(np.array(values, dtype=object if categories.dtype.kind in "OU" else None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return encoder.transform(table(columns, getattr(encoder, "feature_names_in_", None)))


def _unseen(known: Sequence[Any]) -> Any:
    if any(isinstance(value, str) for value in known):
        return max((value for value in known if isinstance(value, str)), key=lambda value: len(value)) + "\x00"
    there = [value for value in known if not _is_missing(value)]
    return max(there, default=0) + 1 if not all(isinstance(value, bool) for value in there) else 2


def category_code(graph: Graph, categories: np.ndarray, block: Block) -> str:
    """The place of each row's category, int64 [rows]; the number of categories for an unseen one."""
    import numpy as np

    if block.text:
        return text_code(graph, categories.tolist(), block)
    known = categories.tolist()
    real = [0.0 if _is_missing(value) else float(value) for value in known]
    hits = graph.add("Equal", [block.value, graph.matrix([real])])
    if any(map(_is_missing, known)):
        absent = graph.constant(np.array([[_is_missing(value) for value in known]]))
        both = graph.add("And", [graph.add("IsNaN", [block.value]), absent])
        hits = graph.add("Or", [graph.add("And", [hits, graph.add("Not", [absent])]), both])
    scores = [graph.cast(hits, "float32"), graph.cast(graph.add("Not", [_any(graph, hits)]), "float32")]
    return graph.add("ArgMax", [graph.add("Concat", scores, axis=1)], axis=1, keepdims=0)


def _any(graph: Graph, hits: str) -> str:
    """Whether one of the booleans of each row is true, [rows, 1]."""
    import numpy as np

    count = graph.add("ReduceSum", [graph.cast(hits, "float32"), graph.constant(np.array([1], np.int64))], keepdims=1)
    return graph.cast(count, "bool")


def text_code(graph: Graph, known: Sequence[Any], block: Block) -> str:
    """The place of each row's text among the known ones, int64 [rows]; their number for any other."""
    import numpy as np

    places = {value: place for place, value in enumerate(known) if isinstance(value, str)}
    if block.mark is not NEVER:
        absent = [place for place, value in enumerate(known) if _is_missing(value) and _alike(block.mark, value)]
        if "" in places:
            refuse(
                "a column of categories has both empty texts and missing ones, and a request cannot tell them apart; make "
                "the empty ones missing, or the missing ones empty, before you fit."
            )
        if absent:
            places[""] = absent[0]
    flat = graph.add("Squeeze", [block.value, graph.constant(np.array([1], np.int64))])
    if not places:
        places = {"": len(known)}
    return graph.add(
        "LabelEncoder",
        [flat],
        domain=ML,
        keys_strings=list(places),
        values_int64s=list(places.values()),
        default_int64=len(known),
    )


def _gathered(graph: Graph, table: np.ndarray, code: str) -> str:
    """The table's row for each code; the table may hold NaN."""
    import numpy as np

    table = np.asarray(table, dtype=np.float64)
    absent = np.isnan(table)
    value = graph.add("Gather", [graph.matrix(np.where(absent, 0.0, table)), code], axis=0)
    if not absent.any():
        return value
    return graph.add("Where", [graph.add("Gather", [graph.constant(absent), code], axis=0), graph.nan(), value])


# --- Numbers ---


def standardized(graph: Graph, scaler: Any, blocks: Blocks) -> Blocks:
    """A StandardScaler or a RobustScaler, with the subtraction and the division that the original does."""
    part = _joined(graph, scaler, blocks)
    value, shift, scale = part.value, getattr(scaler, "mean_", None), scaler.scale_
    if type(scaler).__name__ == "RobustScaler":
        shift = scaler.center_
    if shift is not None and getattr(scaler, "with_mean", True):
        value = graph.add("Sub", [value, graph.matrix([shift])])
    if scale is not None:
        value = graph.add("Div", [value, graph.matrix([scale])])
    return (Block(value, part.width),)


def ranged(graph: Graph, scaler: Any, blocks: Blocks) -> Blocks:
    """A MinMaxScaler."""
    part = _joined(graph, scaler, blocks)
    value = graph.add("Mul", [part.value, graph.matrix([scaler.scale_])])
    value = graph.add("Add", [value, graph.matrix([scaler.min_])])
    if scaler.clip:
        low, high = (graph.matrix(bound) for bound in scaler.feature_range)
        value = graph.add("Clip", [value, low, high])
    return (Block(value, part.width),)


def powered(graph: Graph, transformer: Any, blocks: Blocks) -> Blocks:
    """A PowerTransformer: each column to a power of its own, Yeo-Johnson's or Box-Cox's, then standardized."""
    part = _joined(graph, transformer, blocks)
    powers = transformer.lambdas_
    if transformer.method == "box-cox":
        value = _power(graph, part.value, powers)
    else:
        zero, one = graph.matrix([[0.0]]), graph.matrix([[1.0]])
        positive = graph.add("Add", [graph.add("Max", [part.value, zero]), one])
        negative = graph.add("Sub", [one, graph.add("Min", [part.value, zero])])
        mirrored = graph.add("Neg", [_power(graph, negative, 2.0 - powers)])
        upper = graph.add("GreaterOrEqual", [part.value, zero])
        value = graph.add("Where", [upper, _power(graph, positive, powers), mirrored])
        value = graph.add("Where", [graph.add("IsNaN", [part.value]), graph.nan(), value])
    result = Block(value, part.width)
    return standardized(graph, transformer._scaler, (result,)) if transformer.standardize else (result,)


def _power(graph: Graph, value: str, powers: np.ndarray) -> str:
    """(value ** power - 1) / power for each column, and its limit, the logarithm, where the power is 0."""
    import numpy as np

    none = np.abs(powers) < np.spacing(1.0)
    exponent = graph.matrix([np.where(none, 1.0, powers)])
    raised = graph.add("Sub", [graph.add("Pow", [value, exponent]), graph.matrix([[1.0]])])
    curve = graph.add("Div", [raised, exponent])
    return graph.add("Where", [graph.constant(none.reshape(1, -1)), graph.add("Log", [value]), curve])


def binned(graph: Graph, discretizer: Any, blocks: Blocks) -> Blocks:
    """A KBinsDiscretizer: how many inner edges a value has reached, as a number or as one of several columns."""
    import numpy as np

    found = []
    for column, edges in zip(
        singles(graph, (_joined(graph, discretizer, blocks),)), discretizer.bin_edges_, strict=True
    ):
        inner = edges[1:-1]
        if len(inner):
            reached = graph.add("GreaterOrEqual", [column.value, graph.matrix([inner])])
            axis = graph.constant(np.array([1], np.int64))
            code = graph.add("ReduceSum", [graph.cast(reached, "float64"), axis], keepdims=1)
        else:
            code = graph.add("Mul", [column.value, graph.matrix([[0.0]])])
        if discretizer.encode == "ordinal":
            found.append(Block(code, 1))
            continue
        bins = graph.matrix([np.arange(len(inner) + 1)])
        found.append(Block(graph.cast(graph.add("Equal", [code, bins]), "float64"), len(inner) + 1))
    return tuple(found)


def multiplied(graph: Graph, features: Any, blocks: Blocks) -> Blocks:
    """PolynomialFeatures: each is a product of columns, filled up with ones."""
    import numpy as np

    part = _joined(graph, features, blocks)
    powers = features.powers_
    degree = max(1, int(powers.sum(1).max()))
    factors = np.full((len(powers), degree), part.width, np.int64)
    for row, counts in enumerate(powers):
        columns = np.repeat(np.arange(part.width), counts)
        factors[row, : len(columns)] = columns
    first = graph.add("Gather", [part.value, graph.constant(np.array([0], np.int64))], axis=1)
    one = graph.add("Add", [graph.add("Mul", [first, graph.matrix([[0.0]])]), graph.matrix([[1.0]])])
    gathered = graph.add(
        "Gather", [graph.add("Concat", [part.value, one], axis=1), graph.constant(factors.reshape(-1))], axis=1
    )
    shaped = graph.reshaped(gathered, [-1, len(powers), degree])
    product = graph.add("ReduceProd", [shaped, graph.constant(np.array([2], np.int64))], keepdims=0)
    return (Block(product, len(powers)),)


def selected(graph: Graph, selector: Any, blocks: Blocks) -> Blocks:
    """Any selector of features."""
    return chosen(graph, blocks, selector.get_support(indices=True))


_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "absolute": ("Abs",),
    "exp": ("Exp",),
    "log": ("Log",),
    "log1p": ("+1", "Log"),
    "expm1": ("Exp", "-1"),
    "negative": ("Neg",),
    "sign": ("Sign",),
    "sqrt": ("Sqrt",),
    "square": ("²",),
    "tanh": ("Tanh",),
}
"""Functions of numpy as operators one after the other; +1, -1 and ² are arithmetic with the value itself."""


def function_applied(graph: Graph, step: Any, blocks: Blocks) -> Blocks:
    """A FunctionTransformer whose function is one of numpy's that ONNX has, or none."""
    if step.func is None:
        return blocks
    part = _joined(graph, step, blocks)
    return (Block(applied(graph, step.func, part.value), part.width),)


def applied(graph: Graph, function: Any, value: str) -> str:
    """The function of each value. Raises SystemExit for a function that is not among numpy's usual ones."""
    import numpy as np

    name = getattr(function, "__name__", "")
    if getattr(np, name, None) is not function or name not in _FUNCTIONS:
        refuse(
            f"FunctionTransformer with {name or type(function).__name__} cannot be exported: a function of Python has no "
            f"form in ONNX; use one of numpy.{', numpy.'.join(sorted(_FUNCTIONS))}, or compute the column before the pipeline."
        )
    for operator in _FUNCTIONS[name]:
        if operator in ("+1", "-1"):
            value = graph.add("Add", [value, graph.matrix([float(operator)])])
        else:
            value = graph.add("Mul", [value, value]) if operator == "²" else graph.add(operator, [value])
    return value


def _name(step: Any) -> str:
    return type(step).__name__
