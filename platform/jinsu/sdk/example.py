"""Example rows: what a model takes, by the name of each input, as live traffic will send it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from jinsu.sdk.columns import columns_of

if TYPE_CHECKING:
    import numpy as np

DEFAULT_INPUT = "input"
"""What the only input of a model is called when its example has no names."""
MOST_ROWS = 64
_LONGEST_NAME = 100
_NOTHING = object()


@dataclass(frozen=True)
class Example:
    """At least 2 rows of each input.

    inputs: arrays by name, first axis rows: numbers, or objects that are all `str`. nullable: inputs in which a number may
    be missing (it is NaN then) or a text (it is empty then). columns: names of the columns of a table that stand side by
    side in the only input. dynamic: names of the axes whose length differs between requests, by input and axis.
    marks: what the script itself has where a text is missing, None or NaN, by input.
    """

    inputs: Mapping[str, np.ndarray]
    nullable: frozenset[str] = frozenset()
    columns: tuple[str, ...] | None = None
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    marks: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def only(self) -> np.ndarray:
        """The array of a model with one input."""
        (array,) = self.inputs.values()
        return array

    def narrowed(self, names: Sequence[str]) -> Example:
        """The same rows without the inputs that are not named."""
        inputs = {name: self.inputs[name] for name in names}
        return Example(inputs, self.nullable & set(names), self.columns, self.dynamic, self.marks)

    def replaced(self, arrays: Mapping[str, np.ndarray]) -> Example:
        """The same rows after a step in front of the model, such as a tokenizer."""
        return Example({**self.inputs, **arrays}, self.nullable - set(arrays), self.columns, self.dynamic, self.marks)


def read_example(
    example: Any,
    columns: Sequence[str] | None = None,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
) -> Example:
    """The example as a script gives it: an array, a mapping of arrays by name, a data frame, or a table of pyarrow.

    Raises SystemExit with the name of what cannot be used.
    """
    arrays: dict[str, np.ndarray] = {}
    marks: dict[str, float | None] = {}
    nullable = set()
    for name, values in _by_name(example).items():
        arrays[_name(name)], missing = _array(str(name), values)
        if missing is not _NOTHING:
            nullable.add(str(name))
        if missing is not _NOTHING and arrays[name].dtype.kind == "O":
            marks[name] = None if missing is None else float("nan")
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1 or lengths < {2}:
        refuse("example needs at least 2 rows, the same number for each input, as live traffic will send them.")
    cut = {name: array[:MOST_ROWS] for name, array in arrays.items()}
    return Example(cut, frozenset(nullable), _columns(cut, columns), _dynamic(cut, dynamic or {}), marks)


def refuse(sentence: str) -> NoReturn:
    """Ends the script with a sentence about what it saves."""
    raise refusal(sentence)


def refusal(sentence: str) -> SystemExit:
    """What ends the script with a sentence about what it saves."""
    return SystemExit(f"jinsu.save: {sentence}")


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        refuse(f"the input {str(name)[:40]!r} needs a name of 1 to {_LONGEST_NAME} printable characters.")
    return name


def _by_name(example: Any) -> Mapping[Any, Any]:
    if hasattr(example, "items"):
        return dict(example.items())
    if hasattr(example, "column_names") and hasattr(example, "column"):
        return columns_of(example)
    return {DEFAULT_INPUT: example}


def _array(name: str, values: Any) -> tuple[np.ndarray, object]:
    """The values as numbers or as texts, and what stands for a missing one; `_NOTHING` when none is missing."""
    import numpy as np

    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.ndim < 1:
        refuse(f"the example of {name!r} is a single value; give an array whose first axis is the rows.")
    if array.dtype.kind == "f":
        return array, float("nan") if np.isnan(array).any() else _NOTHING
    if array.dtype.kind in "biu":
        return array, _NOTHING
    if array.dtype.kind == "U":
        return array.astype(object), _NOTHING
    if array.dtype.kind != "O":
        refuse(f"the example of {name!r} holds {array.dtype}; give numbers or texts.")
    return _objects(name, array)


def _objects(name: str, array: np.ndarray) -> tuple[np.ndarray, object]:
    import numpy as np

    missing = np.frompyfunc(is_missing, 1, 1)(array).astype(bool)
    mark = array[missing].flat[0] if missing.any() else _NOTHING
    kinds = {type(value) for value in array[~missing].tolist()}
    if kinds <= {str}:
        return np.where(missing, "", array).astype(object), mark
    if all(issubclass(kind, int | float | np.number) for kind in kinds):
        return np.where(missing, np.nan, array).astype(np.float64), mark
    found = ", ".join(sorted(kind.__name__ for kind in kinds))
    refuse(f"the example of {name!r} holds {found}; give numbers or texts, not both, in one input.")


def is_missing(value: object) -> bool:
    """None, NaN, and pandas' NA, which is no boolean when it is compared."""
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ == "NAType"


def _columns(arrays: Mapping[str, np.ndarray], columns: Sequence[str] | None) -> tuple[str, ...] | None:
    if columns is None:
        return None
    names = tuple(map(str, columns))
    array = next(iter(arrays.values()))
    if len(arrays) != 1 or array.ndim != 2 or array.shape[1] != len(names) or len(set(names)) != len(names):
        refuse(f"columns names {len(names)} columns; the example must be one array of shape (rows, {len(names)}).")
    return names


def _dynamic(
    arrays: Mapping[str, np.ndarray], dynamic: Mapping[str, Mapping[int, str]]
) -> Mapping[str, Mapping[int, str]]:
    for name, axes in dynamic.items():
        if name not in arrays or any(not 0 < axis < arrays[name].ndim for axis in axes):
            refuse(f"dynamic: {name!r} has no axes {sorted(axes)}; axis 0 is the rows and may always differ.")
    return dynamic
