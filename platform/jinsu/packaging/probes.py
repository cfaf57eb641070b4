"""Probes: rows that the script saved beside its model, with the answers that the original gave to them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Manifest, Tensor
from jinsu.sdk.model_files import PROBES_FILE, input_probe, output_probe, probe_lengths

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
            rows = [_array(probes, "inputs" if former else input_probe(place)) for place in range(len(manifest.inputs))]
            answers = [
                _array(probes, "outputs" if former else output_probe(place)) for place in range(len(manifest.outputs))
            ]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
        raise GateFailedError(f"{PROBES_FILE}: cannot be read: {problem}") from None
    given = tuple(_of_type(tensor, array) for tensor, array in zip(manifest.inputs, rows, strict=True))
    expected = tuple(_of_type(tensor, array) for tensor, array in zip(manifest.outputs, answers, strict=True))
    if len({len(array) for array in (*given, *expected)}) != 1 or not len(given[0]):
        raise GateFailedError(
            f"{PROBES_FILE}: {len(given[0])} rows with {len(expected[0])} answers; save the model again."
        )
    return given, expected


def _array(probes: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """An array of the file; texts that end in NUL have their own lengths again."""
    array = probes[name]
    if array.dtype.kind != "U" or probe_lengths(name) not in probes:
        return array
    lengths, longest = probes[probe_lengths(name)], array.dtype.itemsize // 4
    if lengths.dtype.kind != "i" or lengths.shape != (array.size,) or not ((lengths >= 0) & (lengths <= longest)).all():
        raise GateFailedError(f"{PROBES_FILE}: the lengths of text are no lengths; save the model again.")
    pairs = zip(array.reshape(-1).tolist(), lengths.tolist(), strict=True)
    texts = np.empty(array.size, dtype=object)
    texts[:] = [text.ljust(length, "\0") for text, length in pairs]
    return texts.reshape(array.shape)


def _of_type(tensor: Tensor, array: np.ndarray) -> np.ndarray:
    """The array as onnxruntime takes and gives it. Raises GateFailedError for one of another type or shape."""
    text = tensor.dtype == "string"
    if not array.ndim or (array.dtype.kind not in "UO" if text else array.dtype.kind not in "biuf"):
        raise GateFailedError(
            f"{PROBES_FILE}: {tensor.name} is {array.dtype}{list(array.shape)}, the manifest says {tensor.describe()}; "
            "save the model again."
        )
    return array.astype(object) if text else array
