"""What packaging found out about a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parity:
    """The largest differences between the packaged model and the original on the probe rows."""

    rows: int
    tolerance: float
    largest_absolute: float
    largest_relative: float
    largest_batch_effect: float


@dataclass(frozen=True)
class Latency:
    """Single-row prediction times in milliseconds, in-process, on this machine."""

    runs: int
    p50_ms: float
    p99_ms: float
    budget_ms: float


@dataclass(frozen=True)
class PackageFindings:
    """The measurements of a package that passed."""

    parity: Parity
    latency: Latency
