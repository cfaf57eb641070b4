"""A saved model becomes a package, an ONNX file or code. Code is checked in an inference process: it answers as it did, and fast."""

from __future__ import annotations

import shutil
from pathlib import Path

from jinsu.errors import GateFailedError
from jinsu.inference.remote_model import RemoteModel
from jinsu.packaging.findings import PackageFindings
from jinsu.packaging.latency import measure_latency
from jinsu.packaging.package import MAX_MEMORY, package
from jinsu.packaging.parity import check_parity
from jinsu.packaging.probes import read_probes
from jinsu.sdk.model_files import CODE_FILE, CODE_FILES, PACKAGES_FILE
from jinsu.spec.quantities import format_bytes


def package_any(
    saved: Path,
    packages: Path | None,
    out: Path,
    tolerance: float,
    budget_ms: float,
    quantized: bool = False,
    gpu: int = 0,
) -> PackageFindings:
    """Packages the model in the folder `saved`, whatever it is. The arguments are those of the two ways."""
    if not (saved / CODE_FILE).is_file():
        return package(saved, out, tolerance, budget_ms, quantized=quantized, gpu=gpu)
    if quantized:
        raise GateFailedError("serve.quantize: a python model has no weights that Jinsu knows; leave the line out.")
    return package_python(saved, packages, out, tolerance, budget_ms, gpu)


def package_python(
    saved: Path, packages: Path | None, out: Path, tolerance: float, budget_ms: float, gpu: int = 0
) -> PackageFindings:
    """Copies the model in the folder `saved` into the folder `out`, with the packages that it needs, and checks it there.

    packages: the archive that the training had, if any. tolerance: largest relative difference to the answers that the model
    gave when it was saved. budget_ms: milliseconds of one prediction at the 99th percentile. Raises GateFailedError.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in CODE_FILES:
        if not (saved / name).is_file():
            raise GateFailedError(f"the script saved no {name}; call jinsu.save(jinsu.Code(…), example) before it ends.")
        shutil.copyfile(saved / name, out / name)
    if packages is not None:
        shutil.copyfile(packages, out / PACKAGES_FILE)
    model = RemoteModel(out, gpu=gpu)
    try:
        inputs, outputs = read_probes(out, model.manifest)
        parity = check_parity(model, inputs, outputs, tolerance)
        latency = measure_latency(model, inputs, budget_ms)
        memory = model.peak()
    finally:
        model.close()
    if memory > MAX_MEMORY:
        raise GateFailedError(
            f"the python model takes {format_bytes(memory)} of memory, a model may take {format_bytes(MAX_MEMORY)}; make it smaller."
        )
    return PackageFindings(parity, latency, memory)
