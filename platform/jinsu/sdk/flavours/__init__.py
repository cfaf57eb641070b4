"""Flavours: one module for each framework that a model can be written in.

Each has the function `export(model, example, path)`, which writes an ONNX file and returns `Exported`; nothing of a
framework is imported before a model of it is saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from jinsu.sdk.outputs import OutputKind

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.example import Example


@dataclass(frozen=True)
class Exported:
    """A model that was written as ONNX.

    framework: name and version. answers: the original's answers to the example, by the names of the file's outputs, first
    axis rows. kinds, labels, quantiles: what the framework itself says about its outputs. read: the inputs of the example
    that the file has; None for all of them. code: what the manifest says of a python model; None for an ONNX file.
    """

    framework: str
    answers: Mapping[str, np.ndarray]
    kinds: Mapping[str, OutputKind] = field(default_factory=dict)
    labels: Sequence[Any] | None = None
    quantiles: Sequence[float] | None = None
    read: Sequence[str] | None = None
    code: Mapping[str, Any] | None = None


class Flavour(Protocol):
    """A module of this folder."""

    def export(self, model: Any, example: Example, path: Path) -> Exported:
        """Writes the model to `path`. The file's inputs have the names of the example's, and the batch is its first axis.

        The model is as it was when this returns. Raises SystemExit with a sentence for a model that cannot be exported.
        """


_MODULES = {
    "jinsu": "python_code",
    "keras": "keras_model",
    "lightgbm": "lightgbm_model",
    "onnx": "onnx_file",
    "sklearn": "sklearn_model",
    "torch": "torch_module",
    "transformers": "transformers_model",
    "xgboost": "xgboost_model",
}
"""The module of each framework, by the package that a model's class, or a class it inherits from, is defined in."""


def flavour_of(model: object) -> Flavour | None:
    """The flavour of a model, by its class or the nearest class that it inherits from; None when no flavour knows it.

    A path is that of an ONNX file.
    """
    if isinstance(model, str | PathLike):
        return cast("Flavour", import_module("jinsu.sdk.flavours.onnx_file"))
    for kind in type(model).__mro__:
        package = kind.__module__.partition(".")[0]
        if package in _MODULES:
            return cast("Flavour", import_module(f"jinsu.sdk.flavours.{_MODULES[package]}"))
    return None


def known() -> list[str]:
    """The frameworks that have a flavour."""
    return sorted(_MODULES)
