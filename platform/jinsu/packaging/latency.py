"""The check of latency: one prediction keeps the budget of the spec."""

from __future__ import annotations

import time

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import Arrays, part_of, rows_of
from jinsu.packaging.findings import Latency
from jinsu.packaging.model import Model

_WARM_RUNS, _TIMED_RUNS = 10, 200


def measure_latency(model: Model, inputs: Arrays, budget_ms: float) -> Latency:
    """Times predictions of one row of `inputs` each. Raises GateFailedError when the 99th percentile is over the budget."""
    milliseconds = []
    for run in range(_WARM_RUNS + _TIMED_RUNS):
        start = run % rows_of(inputs)
        row = part_of(inputs, start, start + 1)
        begun = time.perf_counter()
        model.run(row)
        milliseconds.append((time.perf_counter() - begun) * 1e3)
    p50, p99 = np.quantile(milliseconds[_WARM_RUNS:], [0.5, 0.99])
    if p99 > budget_ms:
        raise GateFailedError(
            f"one prediction takes {p99:.1f} ms at the 99th percentile, serve.max_latency_ms allows {budget_ms:g}; "
            "make the model smaller or raise the budget."
        )
    return Latency(_TIMED_RUNS, round(float(p50), 3), round(float(p99), 3), budget_ms, model.provider)
