"""Probes: rows that the script saved beside its model, with the answers that the original gave to them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.manifest import Manifest
from jinsu.sdk.model_files import PROBES_FILE

_MAX_BYTES = 256 * 2**20


def read_probes(folder: Path, manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """The probe rows in the type that the model takes, and the original's answers; the first axis of both is the rows.

    Raises GateFailedError for a file that cannot be read without pickle, is larger than 256 MiB unpacked, or holds no
    rows and numbers.
    """
    try:
        with zipfile.ZipFile(folder / PROBES_FILE) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
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
