"""A packaged model that answers batches, whatever it is made of."""

from __future__ import annotations

from typing import Protocol

from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Manifest


class Model(Protocol):
    """A loaded model. Rows and answers are in the order of the manifest."""

    manifest: Manifest
    provider: str
    """What of onnxruntime computes; "" for a python model, whose code chooses by itself."""

    def run(self, rows: Arrays) -> Arrays:
        """The answers to a batch of rows. Raises GateFailedError with what failed."""

    def run_all(self, rows: Arrays) -> Arrays:
        """The answers to any number of rows, a batch at a time."""
