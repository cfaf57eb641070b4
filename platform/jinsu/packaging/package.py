"""Makes sure that a saved model is fit for production: whole, finite, faithful, indifferent to its batch, fast."""

from __future__ import annotations

import shutil
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.findings import Latency, PackageFindings, Parity
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.sdk.model_files import MODEL_FILE, MODEL_FILES, PROBES_FILE

_WARM, _TIMED = 10, 200
MAX_MODEL_BYTES = 2 * 2**30
MAX_PROBE_BYTES = 256 * 2**20


def package(saved: Path, out: Path, tolerance: float, budget_ms: float) -> PackageFindings:
    """Checks the model in `saved` and copies what will serve into `out`.

    Raises GateFailedError with the operator, the output or the row that is wrong.
    """
    for name in MODEL_FILES:
        if not (saved / name).is_file():
            raise GateFailedError(f"the script saved no {name}; call jinsu.save(model, example) before it ends.")
    if (saved / MODEL_FILE).stat().st_size > MAX_MODEL_BYTES:
        raise GateFailedError(f"{MODEL_FILE}: larger than 2 GiB; ONNX files cannot be.")
    check_weights(saved / MODEL_FILE)
    model = OnnxModel(saved)
    model.check_manifest()
    inputs, outputs = read_probes(saved, model.manifest)
    parity = check_parity(model, inputs, outputs, tolerance)
    latency = measure_latency(model, inputs, budget_ms)
    out.mkdir(parents=True, exist_ok=True)
    for name in MODEL_FILES:
        shutil.copyfile(saved / name, out / name)
    return PackageFindings(parity, latency)


def check_weights(path: Path) -> None:
    """Every weight must be a finite number."""
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as problem:  # protobuf's errors differ between its back ends
        raise GateFailedError(f"{MODEL_FILE}: not an ONNX file: {problem}") from None
    for weight in graph.initializer:
        if weight.external_data:
            raise GateFailedError(f"{MODEL_FILE}: weight {weight.name!r} lies in another file; save one file.")
        values = numpy_helper.to_array(weight)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise GateFailedError(
                f"{MODEL_FILE}: weight {weight.name!r} holds {bad} values that are not finite; "
                "the training diverged: lower the learning rate or clip gradients."
            )


def read_probes(folder: Path, manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """The probe rows and the original's answers, as the model takes them."""
    try:
        with zipfile.ZipFile(folder / PROBES_FILE) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_PROBE_BYTES:
                raise GateFailedError(f"{PROBES_FILE}: unpacks to more than 256 MiB; save with a smaller example.")
        with np.load(folder / PROBES_FILE, allow_pickle=False) as probes:
            inputs, outputs = probes["inputs"], probes["outputs"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
        raise GateFailedError(f"{PROBES_FILE}: cannot be read: {problem}") from None
    if not inputs.ndim or not len(inputs) or outputs.dtype.kind not in "biuf":
        raise GateFailedError(
            f"{PROBES_FILE}: rows {inputs.shape} with answers {outputs.shape} of {outputs.dtype}; save again."
        )
    return (inputs.astype(object) if manifest.input.dtype == "string" else inputs), outputs


def check_parity(model: OnnxModel, inputs: np.ndarray, expected: np.ndarray, tolerance: float) -> Parity:
    """The packaged model must answer the probe rows as the original did, alone and in a batch."""
    together = model.run_all(inputs)
    if together.shape != expected.shape:
        raise GateFailedError(f"output: its shape is {together.shape}, the original's was {expected.shape}.")
    if not np.isfinite(expected).all():
        row = int(np.argwhere(~np.isfinite(expected))[0][0])
        raise GateFailedError(f"output: the original's answer to probe row {row} is not finite; the model is broken.")
    difference = np.abs(together - expected)
    relative = difference / (1.0 + np.abs(expected))
    _refuse(relative, tolerance, together, expected, "the original answered")
    alone = np.concatenate([model.run(inputs[row : row + 1]) for row in range(len(inputs))])
    effect = np.abs(alone - together) / (1.0 + np.abs(together))
    _refuse(effect, tolerance, alone, together, "in a batch it answers")
    return Parity(len(inputs), tolerance, float(difference.max()), float(relative.max()), float(effect.max()))


def _refuse(relative: np.ndarray, tolerance: float, got: np.ndarray, expected: np.ndarray, other: str) -> None:
    if np.all(relative <= tolerance):  # not (any >), which would let NaN through
        return
    worst = np.unravel_index(np.argmax(np.where(np.isnan(relative), np.inf, relative)), relative.shape)
    row, place = int(worst[0]), ", ".join(str(int(index)) for index in worst[1:])
    raise GateFailedError(
        f"output[{place}] of probe row {row}: the packaged model answers {float(got[worst]):.6g}, {other} "
        f"{float(expected[worst]):.6g}; the tolerance is {tolerance:g} (serve.parity_tolerance)."
    )


def measure_latency(model: OnnxModel, inputs: np.ndarray, budget_ms: float) -> Latency:
    """Times single rows; the 99th percentile must keep the budget."""
    times = []
    for index in range(_WARM + _TIMED):
        start = index % len(inputs)
        row = inputs[start : start + 1]
        begun = time.perf_counter()
        model.run(row)
        times.append((time.perf_counter() - begun) * 1e3)
    p50, p99 = np.quantile(times[_WARM:], [0.5, 0.99])
    if p99 > budget_ms:
        raise GateFailedError(
            f"one prediction takes {p99:.1f} ms at the 99th percentile, serve.max_latency_ms allows {budget_ms:g}; "
            "make the model smaller or raise the budget."
        )
    return Latency(_TIMED, round(float(p50), 3), round(float(p99), 3), budget_ms)
