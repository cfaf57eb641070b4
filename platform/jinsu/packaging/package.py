"""A saved model becomes a package after every check: whole, finite, of bounded cost, faithful, fast."""

from __future__ import annotations

import shutil
from pathlib import Path

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import rows_of
from jinsu.packaging.cost import check_cost
from jinsu.packaging.findings import PackageFindings
from jinsu.packaging.latency import measure_latency
from jinsu.packaging.memory import MemoryMeter
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.parity import check_parity
from jinsu.packaging.probes import read_probes
from jinsu.packaging.weights import check_weights
from jinsu.sdk.model_files import MODEL_FILE, MODEL_FILES
from jinsu.spec.quantities import format_bytes

_MAX_MODEL_BYTES = 2 * 2**30
MAX_MEMORY = 4 * 2**30
"""The most memory, in bytes, that a model may take."""


def package(
    saved: Path, out: Path, tolerance: float, budget_ms: float, memory_budget: int = MAX_MEMORY
) -> PackageFindings:
    """Checks the model in the folder `saved` and copies its files into the folder `out`.

    tolerance: largest relative difference to the original. budget_ms: milliseconds of one prediction at the 99th
    percentile. memory_budget: bytes. Raises GateFailedError with the operator, the output or the row that is wrong.
    """
    _check_files(saved)
    check_weights(saved / MODEL_FILE)
    check_cost(saved / MODEL_FILE)
    meter = MemoryMeter()
    model = OnnxModel(saved)
    model.check_manifest()
    inputs, outputs = read_probes(saved, model.manifest)
    parity = check_parity(model, inputs, outputs, tolerance)
    latency = measure_latency(model, inputs, budget_ms)
    memory = meter.peak()
    if memory > memory_budget:
        raise GateFailedError(
            f"{MODEL_FILE}: takes {format_bytes(memory)} of memory for {rows_of(inputs)} rows, a model may take "
            f"{format_bytes(memory_budget)}; make the model smaller."
        )
    out.mkdir(parents=True, exist_ok=True)
    for name in MODEL_FILES:
        shutil.copyfile(saved / name, out / name)
    return PackageFindings(parity, latency, memory)


def _check_files(saved: Path) -> None:
    for name in MODEL_FILES:
        if not (saved / name).is_file():
            raise GateFailedError(f"the script saved no {name}; call jinsu.save(model, example) before it ends.")
    if (saved / MODEL_FILE).stat().st_size > _MAX_MODEL_BYTES:
        raise GateFailedError(f"{MODEL_FILE}: larger than 2 GiB; ONNX files cannot be.")
