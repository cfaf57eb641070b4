"""A whole number that a client sent and for which a model has no row, such as an identifier that is new. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinsu.errors import RowsRefusedError
from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Tensor

_OUTSIDE = re.compile(
    r"idx=(-?\d+) must be within the inclusive range \[-?\d+,(-?\d+)\]|invalid index found, index = (-?\d+)"
)
"""How onnxruntime's Gather, ScatterElements and GatherND name an index that their table does not have."""


def unknown_number(said: str, inputs: Sequence[Tensor], rows: Arrays) -> RowsRefusedError | None:
    """The error for a number that stands in an input of the rows; None for one that the model itself computed.

    said: onnxruntime's words. A number that no client sent is the model's failure, and counts as such.
    """
    found = _OUTSIDE.search(said)
    if found is None:
        return None
    number, last = int(found[1] or found[3]), found[2]
    for tensor, array in zip(inputs, rows, strict=True):
        if array.dtype.kind in "iu" and (array == number).any():
            known = f"; send 0 to {last}" if last else "."
            return RowsRefusedError(f"{tensor.name}: {number} is outside of what the model knows{known}")
    return None
