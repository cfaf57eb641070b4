"""A saved model becomes a package after every check: whole, finite, of bounded cost, faithful, fast."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

from jinsu.errors import GateFailedError
from jinsu.files import file_digest
from jinsu.packaging.arrays import rows_of
from jinsu.packaging.cost import check_cost
from jinsu.packaging.findings import PackageFindings, Quantized
from jinsu.packaging.latency import measure_latency
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.memory import MemoryMeter
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.parity import check_parity, check_quantized
from jinsu.packaging.probes import read_probes
from jinsu.packaging.quantize import quantize
from jinsu.packaging.weights import check_weights
from jinsu.sdk.model_files import MODEL_FILE, MODEL_FILES, ORIGINAL_FILE, WEIGHTS_FILE
from jinsu.spec.quantities import format_bytes

_MAX_MODEL_BYTES = 7 * 2**29
"""A model server has room for 4 GiB of files."""
MAX_MEMORY = 4 * 2**30
"""The most memory, in bytes, that a model may take beside its weights file."""


def package(
    saved: Path,
    out: Path,
    tolerance: float,
    budget_ms: float,
    memory_budget: int = MAX_MEMORY,
    quantized: bool = False,
    gpu: int = 0,
) -> PackageFindings:
    """Checks the model in the folder `saved` and copies its files into the folder `out`.

    tolerance: largest relative difference to the original. budget_ms: milliseconds of one prediction at the 99th
    percentile. memory_budget: bytes. quantized: whether the ONNX file in `out` gets weights of eight bits; the file as it
    was saved lies beside it. gpu: GPUs on which the model is checked, as it will be served. Raises GateFailedError with the
    operator, the output or the row that is wrong.
    """
    files = _checked_files(saved)
    check_weights(saved / MODEL_FILE)
    check_cost(saved / MODEL_FILE)
    meter = MemoryMeter()
    model = OnnxModel(saved, gpu=gpu)
    model.check_manifest()
    inputs, outputs = read_probes(saved, model.manifest)
    parity = check_parity(model, inputs, outputs, tolerance)
    latency = measure_latency(model, inputs, math.inf if quantized else budget_ms)
    memory = meter.peak()
    memory_budget += sum((saved / name).stat().st_size for name in files if name == WEIGHTS_FILE)
    if memory > memory_budget:
        raise GateFailedError(
            f"{MODEL_FILE}: takes {format_bytes(memory)} of memory for {rows_of(inputs)} rows, a model may take "
            f"{format_bytes(memory_budget)}; make the model smaller."
        )
    out.mkdir(parents=True, exist_ok=True)
    for name in files:
        shutil.copyfile(saved / name, out / name)
    if not quantized:
        return PackageFindings(parity, latency, memory)
    del model
    return _quantized(out, PackageFindings(parity, latency, memory), budget_ms)


def _quantized(out: Path, found: PackageFindings, budget_ms: float) -> PackageFindings:
    """Quantises the package in the folder `out`, which passed every check, and checks it again."""
    original, file = out / ORIGINAL_FILE, out / MODEL_FILE
    file.rename(original)
    quantize(original, file)
    check_weights(file)
    check_cost(file)
    model = OnnxModel(out)
    model.check_manifest()
    inputs, outputs = read_probes(out, model.manifest)
    change = check_quantized(model, inputs, outputs, found.parity.tolerance)
    latency = measure_latency(model, inputs, budget_ms)
    sizes = (file.stat().st_size, original.stat().st_size)
    return replace(found, latency=latency, quantized=Quantized(change, *sizes, found.latency.p50_ms))


def _checked_files(saved: Path) -> tuple[str, ...]:
    """The files of the model, all of which are there and of the right size; the weights are those that were saved."""
    for name in MODEL_FILES:
        if not (saved / name).is_file():
            raise GateFailedError(f"the script saved no {name}; call jinsu.save(model, example) before it ends.")
    manifest = Manifest.read(saved)
    weights = saved / WEIGHTS_FILE
    if manifest.weights is not None and not (weights.is_file() and file_digest(weights) == manifest.weights):
        raise GateFailedError(f"{WEIGHTS_FILE}: missing, or not what jinsu.save() wrote; leave the files as they are.")
    if (size := sum((saved / name).stat().st_size for name in manifest.files)) > _MAX_MODEL_BYTES:
        raise GateFailedError(
            f"the model has {format_bytes(size)}, a model may have {format_bytes(_MAX_MODEL_BYTES)}; make it smaller, "
            "for example with weights of float16."
        )
    return manifest.files
