"""From columns of a dataset to the arrays that a model takes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import NUMPY_TYPES, Input

Parts = Callable[[Sequence[str]], Iterable[Mapping[str, np.ndarray]]]
"""Gives the columns of these names, a part of the rows at a time."""


def feature_columns(
    columns: Sequence[str], features: Sequence[str] | None, target: str, given: str | None = None
) -> list[str]:
    """The columns that a model reads: `features` when they are named, else every column but the target.

    given: the column that says which rows are held out, which no model reads.
    """
    return list(features) if features else [name for name in columns if name not in (target, given)]


def model_inputs(columns: Mapping[str, np.ndarray], features: Sequence[str], inputs: Sequence[Input]) -> Arrays:
    """One array for each of the model's inputs, of its type and shape.

    An input takes the columns that it names; else the feature of its own name; else, when it is the only one, the features
    in their order: a single column as it is, or several numeric columns side by side. Raises GateFailedError for columns
    that are not there or do not fit, by name.
    """
    return tuple(_model_input(columns, _sources(one, features, len(inputs)), one) for one in inputs)


def refused_rows(parts: Parts, features: Sequence[str], inputs: Sequence[Input]) -> list[str]:
    """A sentence for each column that misses a value in some rows, where the server refuses a request without one."""
    needed = [_sources(one, features, len(inputs)) for one in inputs if not one.nullable]
    names = list(dict.fromkeys(name for sources in needed for name in sources))
    missing, rows = Counter[str](), 0
    for part in parts(names) if names else ():
        rows += len(part[names[0]])
        missing.update({name: int(_missing(part[name]).sum()) for name in names})
    return [
        f"{missing[name]} of {rows} held-out rows have no {name}, and the server refuses a request without it; give jinsu.save "
        f"an example in which {name} is missing too"
        for name in names
        if missing[name]
    ]


def _missing(values: np.ndarray) -> np.ndarray:
    """Whether each row has no value."""
    if values.ndim == 1 and values.dtype.kind in "fM":  # NaT is a NaN of numpy
        missing: np.ndarray = np.isnan(values)
        return missing
    if values.ndim == 1 and values.dtype.kind == "O":
        return np.array([value is None or value != value for value in values], dtype=bool)  # NaN alone differs from itself
    return np.zeros(len(values), dtype=bool)


def _sources(one: Input, features: Sequence[str], inputs: int) -> Sequence[str]:
    wanted = one.columns if one.columns is not None else (one.name,)
    if set(wanted) <= set(features):
        return wanted
    if inputs == 1 and one.columns is None:
        return features
    missing = ", ".join(name for name in wanted if name not in features)
    raise GateFailedError(
        f"the model takes {missing}, which is no feature of the problem ({', '.join(features)}); give the inputs of "
        "jinsu.save(example=…) the names of features."
    )


def _model_input(columns: Mapping[str, np.ndarray], sources: Sequence[str], one: Input) -> np.ndarray:
    rows = _joined([columns[name] for name in sources], sources)
    if one.dtype == "string":
        if rows.dtype.kind not in "OU" or rows.ndim != 1:
            raise GateFailedError(f"features {list(sources)}: the model takes text, one column of it.")
        return np.asarray(["" if value is None else str(value) for value in rows], dtype=object).reshape(
            (len(rows), *(axis for axis in one.shape[1:] if isinstance(axis, int)))
        )
    if rows.dtype.kind == "M":
        rows = _seconds(rows)
    if rows.dtype.kind not in "biuf":
        raise GateFailedError(f"features {list(sources)}: not numbers, but the model takes {one.dtype}.")
    _require_whole(rows, sources, one)
    return _shaped(rows, sources, one)


def _seconds(times: np.ndarray) -> np.ndarray:
    """Times as seconds since the epoch; NaN where there is none."""
    micro = times.astype("datetime64[us]")
    return np.where(np.isnat(micro), np.nan, micro.astype(np.int64) / 1e6)


def _require_whole(rows: np.ndarray, sources: Sequence[str], one: Input) -> None:
    """Numpy turns NaN into a whole number without a word. Raises GateFailedError for what is none."""
    if rows.dtype.kind != "f" or NUMPY_TYPES[one.dtype].kind not in "biu":
        return
    named = ", ".join(sources)[:200]
    if missing := int(np.isnan(rows).any(axis=tuple(range(1, rows.ndim))).sum()):
        raise GateFailedError(
            f"features {named}: {missing} of {len(rows)} rows have no value, and the model takes {one.dtype}; save it with "
            "an example in which one is missing too."
        )
    if (broken := rows[(rows != np.floor(rows)) | np.isinf(rows)]).size:
        raise GateFailedError(
            f"features {named}: holds {broken.flat[0]:g}, and the model takes {one.dtype}; save it with an example of such numbers."
        )


def _shaped(rows: np.ndarray, sources: Sequence[str], one: Input) -> np.ndarray:
    if not one.fixed:
        if rows.ndim != len(one.shape):
            raise GateFailedError(
                f"features {list(sources)}: a row has {rows.ndim - 1} axes, the model takes {one.describe()}."
            )
        return np.ascontiguousarray(rows.astype(one.dtype))
    size = int(np.prod(rows.shape[1:], dtype=int))
    if size != one.row_size:
        raise GateFailedError(
            f"features {list(sources)}: a row holds {size} values, the model takes {list(one.shape[1:])}; "
            "name the right columns in features, or save with another example."
        )
    return np.ascontiguousarray(rows.reshape((len(rows), *map(int, one.shape[1:]))).astype(one.dtype))


def _joined(arrays: list[np.ndarray], names: Sequence[str]) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0]
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise GateFailedError(
            f"features {list(names)}: several columns must all be numeric to stand side by side; "
            "give a model of mixed columns one input for each: example={name: array, …}."
        )
    return np.concatenate([array.reshape(len(array), -1).astype(np.float64) for array in arrays], axis=1)
