"""The measurements of a package that passed every check."""

from __future__ import annotations

from dataclasses import dataclass

from jinsu.packaging.providers import CPU


@dataclass(frozen=True)
class Parity:
    """The largest differences between the packaged model and the original, over all outputs of the probe rows.

    rows: number of probe rows. largest_absolute: in the output's unit. largest_relative, largest_batch_effect: relative
    to 1 + |answer|; the batch effect is the difference between a row alone and the same row in a batch.
    """

    rows: int
    tolerance: float
    largest_absolute: float
    largest_relative: float
    largest_batch_effect: float


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one prediction of one row, in the process of the package stage, over `runs` predictions.

    provider: what of onnxruntime computed them; "" for a python model, whose code chooses by itself.
    """

    runs: int
    p50_ms: float
    p99_ms: float
    budget_ms: float
    provider: str = CPU


@dataclass(frozen=True)
class Quantized:
    """What eight bits change. largest_relative: difference of answers to the probe rows, relative to 1 + |answer|.

    size, original_size: bytes of the ONNX file. original_p50_ms: of one prediction before.
    """

    largest_relative: float
    size: int
    original_size: int
    original_p50_ms: float


@dataclass(frozen=True)
class PackageFindings:
    """Parity of the model with the original, before it was quantised, and latency of what serves.

    memory: bytes that the model took beyond the process that loaded it and ran its probe rows; 0 when it was not measured.
    """

    parity: Parity
    latency: Latency
    memory: int = 0
    quantized: Quantized | None = None
