"""Batches of rows as arrays: one an input or output, in the manifest's order, whose first axis is the rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Arrays: TypeAlias = tuple[np.ndarray, ...]
"""One array an input, or one an output, in the manifest's order. The first axis of each is the rows."""


def rows_of(arrays: Arrays) -> int:
    """The number of rows."""
    return len(arrays[0])


def part_of(arrays: Arrays, start: int, stop: int) -> Arrays:
    """The rows from `start` up to `stop`."""
    return tuple([array[start:stop] for array in arrays])


def joined(batches: Sequence[Arrays]) -> Arrays:
    """The rows of all batches, one after the other. The rows of one input have the same shape in all batches."""
    if len(batches) == 1:
        return batches[0]
    return tuple([np.concatenate(parts) for parts in zip(*batches, strict=True)])


def shapes_of(arrays: Arrays) -> tuple[tuple[int, ...], ...]:
    """The shape of one row of each array."""
    return tuple(array.shape[1:] for array in arrays)
