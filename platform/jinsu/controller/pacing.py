"""How often the work of the controller is repeated: soon while there is work, seldom and at every notification else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds between two passes.

    busy: while the last pass left work, or failed, and while a database sends no notifications. idle: otherwise. A pause
    ends early when one of `tables` changes.
    """

    busy: float
    idle: float
    tables: tuple[str, ...] = ()


def steady(seconds: float) -> Pace:
    """A pace that depends on nothing."""
    return Pace(seconds, seconds)
