"""Probes: rows that the script saved beside its model, with the answers that the original gave to them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Manifest, Tensor
from jinsu.sdk.model_files import PROBES_FILE, input_probe, output_probe

_MAX_BYTES = 256 * 2**20


def read_probes(folder: Path, manifest: Manifest) -> tuple[Arrays, Arrays]:
    """The probe rows in the types that the model takes, and the original's answers.

    Raises GateFailedError for a file that cannot be read without pickle, is larger than 256 MiB unpacked, or holds other
    arrays than the manifest says.
    """
    try:
        with zipfile.ZipFile(folder / PROBES_FILE) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
                raise GateFailedError(f"{PROBES_FILE}: unpacks to more than 256 MiB; save with a smaller example.")
        with np.load(folder / PROBES_FILE, allow_pickle=False) as probes:
            former = "inputs" in probes  # as format 1 called the only ones
            rows = [probes["inputs" if former else input_probe(place)] for place in range(len(manifest.inputs))]
            answers = [probes["outputs" if former else output_probe(place)] for place in range(len(manifest.outputs))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
        raise GateFailedError(f"{PROBES_FILE}: cannot be read: {problem}") from None
    given = tuple(_of_type(tensor, array) for tensor, array in zip(manifest.inputs, rows, strict=True))
    expected = tuple(_of_type(tensor, array) for tensor, array in zip(manifest.outputs, answers, strict=True))
    if len({len(array) for array in (*given, *expected)}) != 1 or not len(given[0]):
        raise GateFailedError(
            f"{PROBES_FILE}: {len(given[0])} rows with {len(expected[0])} answers; save the model again."
        )
    return given, expected


def _of_type(tensor: Tensor, array: np.ndarray) -> np.ndarray:
    """The array as onnxruntime takes and gives it. Raises GateFailedError for one of another type or shape."""
    text = tensor.dtype == "string"
    if not array.ndim or (array.dtype.kind != "U" if text else array.dtype.kind not in "biuf"):
        raise GateFailedError(
            f"{PROBES_FILE}: {tensor.name} is {array.dtype}{list(array.shape)}, the manifest says {tensor.describe()}; "
            "save the model again."
        )
    return array.astype(object) if text else array
