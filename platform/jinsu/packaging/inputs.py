"""From columns of a dataset to the array that a model takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.manifest import Tensor


def feature_columns(
    columns: Sequence[str], features: Sequence[str] | None, target: str, given: str | None = None
) -> list[str]:
    """The columns that a model reads: `features` when they are named, else every column but the target.

    given: the column that says which rows are held out, which no model reads.
    """
    return list(features) if features else [name for name in columns if name not in (target, given)]


def model_input(columns: Mapping[str, np.ndarray], features: Sequence[str], tensor: Tensor) -> np.ndarray:
    """One array of the type and shape of `tensor`: a single column as it is, or several numeric columns side by side.

    Raises GateFailedError for columns that do not fit, by name.
    """
    rows = _joined([columns[name] for name in features], features)
    if tensor.dtype == "string":
        if rows.dtype.kind not in "OU" or rows.ndim != 1:
            raise GateFailedError(f"features {list(features)}: the model takes text, one column of it.")
        return np.asarray(["" if value is None else str(value) for value in rows], dtype=object)
    if rows.dtype.kind not in "biuf":
        raise GateFailedError(f"features {list(features)}: not numbers, but the model takes {tensor.dtype}.")
    size = int(np.prod(rows.shape[1:], dtype=int))
    if size != tensor.row_size:
        raise GateFailedError(
            f"features {list(features)}: a row holds {size} values, the model takes {list(tensor.shape[1:])}; "
            "name the right columns in features, or save with another example."
        )
    return np.ascontiguousarray(rows.reshape((len(rows), *tensor.shape[1:])).astype(tensor.dtype))


def _joined(arrays: list[np.ndarray], names: Sequence[str]) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0]
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise GateFailedError(f"features {list(names)}: several columns must all be numeric; name one column of text.")
    return np.concatenate([array.reshape(len(array), -1).astype(np.float64) for array in arrays], axis=1)
