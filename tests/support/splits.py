"""Which rows of a small table a plan holds out."""

import numpy as np
import pyarrow as pa

from jinsu.data.plan import Plan
from jinsu.data.split import Division, divide, sides


def holdout_mask(table: pa.Table, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> np.ndarray:
    """True where a row is held out. Raises BadInputError when one side is empty."""
    return divide(table, plan, salt, remembered).held


def held_out(table: pa.Table, plan: Plan, salt: bytes, remembered: np.ndarray | None = None) -> np.ndarray:
    """True where a row is held out; one side may be empty."""
    return sides(table, plan, salt, remembered).held


def held_keys(table: pa.Table, mask: np.ndarray, plan: Plan, salt: bytes) -> np.ndarray:
    """The keys of the rows that a mask names, sorted, each once."""
    return Division(mask, sides(table, plan, salt).keys).held_keys
