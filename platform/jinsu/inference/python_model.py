"""A python model in an inference process, which is its own: the code of a researcher runs here and nowhere else of the platform."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import numpy as np

from jinsu.errors import GateFailedError, JinsuError
from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Manifest, Output
from jinsu.sdk.code_model import CodeError, CodeModel
from jinsu.sdk.model_files import CODE_FILE, PACKAGES_FILE
from jinsu.steps.inputs import unpack

PACKAGES = "packages"
"""Folder of the unpacked packages, beside the code."""
MOST_BYTES = 12 * 2**30
"""The most bytes that the archives of a python model may unpack to."""


def unpack_python(folder: Path, place: Path) -> None:
    """Unpacks the code and the packages of the package in `folder` into the empty folder `place`; runs nothing of them.

    Raises GateFailedError for an archive that cannot be unpacked.
    """
    try:
        unpack(folder / CODE_FILE, place, MOST_BYTES)
        if (folder / PACKAGES_FILE).is_file():
            unpack(folder / PACKAGES_FILE, place / PACKAGES, MOST_BYTES)
    except (JinsuError, OSError, tarfile.TarError) as problem:
        raise GateFailedError(f"the python model cannot be unpacked: {problem}") from None


class PythonModel:
    """The model whose archives lie unpacked in `place`. Raises GateFailedError with the line of the code that failed."""

    provider = ""

    def __init__(self, folder: Path, place: Path) -> None:
        self.manifest = Manifest.read(folder)
        assert self.manifest.code is not None
        sys.path.insert(0, str(place / PACKAGES))
        try:
            self._model = CodeModel(place, self.manifest.code.entry, self.manifest.code.files)
        except CodeError as problem:
            raise GateFailedError(f"the python model cannot be loaded: {problem}") from None

    def run(self, rows: Arrays) -> Arrays:
        """The answers to a batch of rows."""
        names = [one.name for one in self.manifest.inputs]
        try:
            answers = self._model.answers(dict(zip(names, rows, strict=True)))
        except CodeError as problem:
            raise GateFailedError(str(problem)) from None
        return tuple(_typed(one, answers.get(one.name)) for one in self.manifest.outputs)

    def stop(self) -> None:
        """Code cannot be stopped between two of its lines; whoever waits ends the process."""


def _typed(output: Output, answer: np.ndarray | None) -> np.ndarray:
    """The answer as the manifest says, whatever kind of number the code chose for this batch."""
    if answer is None:
        raise GateFailedError(f"predict answered no {output.name}, as it did when the model was saved.")
    if (answer.dtype.kind == "O") != (output.dtype == "string") or answer.ndim != len(output.shape):
        raise GateFailedError(f"predict answered {output.name} of {answer.dtype}{list(answer.shape)}, not {output.describe()}.")
    return answer if output.dtype == "string" else answer.astype(output.dtype)
