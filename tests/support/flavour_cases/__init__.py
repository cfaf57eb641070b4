"""Models of every flavour, fitted on real data. A module of this folder has a list `CASES`; nothing else registers it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Fitted:
    """A model and what it is tried with.

    example: what the script gives to jinsu.save. rows: rows of each input that training did not see. answers: the
    original's to those rows. target: the truth of those rows. more: further arguments of jinsu.save.
    """

    model: Any
    example: Any
    rows: Mapping[str, np.ndarray]
    answers: np.ndarray
    target: np.ndarray
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FlavourCase:
    """One kind of model.

    kind: of its output, as the manifest must say. metric: how the evaluation judges it; None for a kind of output that no
    metric reads yet. labels, quantiles: the classes and levels that the manifest must name.
    """

    name: str
    fit: Callable[[], Fitted]
    kind: str
    metric: str | None
    labels: tuple[Any, ...] | None = None
    quantiles: tuple[float, ...] | None = None


def all_cases() -> list[FlavourCase]:
    """The cases of all modules of this folder."""
    names = sorted(module.name for module in iter_modules(__path__))
    return [case for name in names for case in import_module(f"{__name__}.{name}").CASES]
