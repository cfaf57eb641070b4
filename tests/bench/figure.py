"""One measured number, and what it is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """`holds` is None where there is nothing to reach; `how` says in one sentence how it was measured."""

    name: str
    value: float
    unit: str
    target: str | None
    holds: bool | None
    how: str


def plain(name: str, value: float, unit: str, how: str) -> Figure:
    return Figure(name, _short(value), unit, None, None, how)


def below(name: str, value: float, unit: str, limit: float, how: str) -> Figure:
    return Figure(name, _short(value), unit, f"< {limit:g}", value < limit, how)


def at_most(name: str, value: float, unit: str, limit: float, how: str) -> Figure:
    return Figure(name, _short(value), unit, f"≤ {limit:g}", value <= limit, how)


def at_least(name: str, value: float, unit: str, limit: float, how: str) -> Figure:
    return Figure(name, _short(value), unit, f"≥ {limit:g}", value >= limit, how)


def exactly(name: str, value: float, unit: str, wanted: float, how: str) -> Figure:
    return Figure(name, _short(value), unit, f"= {wanted:g}", value == wanted, how)


def _short(value: float) -> float:
    """Four significant digits; more would be noise."""
    return float(f"{value:.4g}")


def share(values: list[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
