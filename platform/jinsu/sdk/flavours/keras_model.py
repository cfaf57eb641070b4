"""A Keras 3 model that runs on torch: Keras writes every layer in torch's operations, which torch's exporter reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from jinsu.sdk.example import DEFAULT_INPUT, Example, refuse
from jinsu.sdk.flavours import Exported, torch_module


def export(model: Any, example: Example, path: Path) -> Exported:
    import keras

    backend = keras.config.backend()
    if backend != "torch":
        refuse(
            f"Keras runs on {backend} in this script; set the environment variable KERAS_BACKEND=torch before Keras is "
            "imported. A file that model.save() wrote loads there."
        )
    if not isinstance(model, keras.Model):
        refuse(f"{type(model).__name__} is no keras.Model; save the model that holds it.")
    names = _input_names(model, example)
    with keras.device("cpu"):
        exported = torch_module.export(_as_torch(model, names), example, path, in_order=True)
    return replace(exported, framework=f"keras {keras.__version__}")


def _input_names(model: Any, example: Example) -> list[str]:
    """The example's names, each of which the model must have when it is one that names its inputs."""
    given = list(example.inputs)
    named = [tensor.name for tensor in getattr(model, "inputs", None) or []]
    if len(named) > 1 or (named and given != [DEFAULT_INPUT] and isinstance(getattr(model, "input", None), dict)):
        wanted = list(model.input) if isinstance(getattr(model, "input", None), dict) else named
        if sorted(wanted) != sorted(given):
            refuse(f"the Keras model takes {', '.join(wanted)}; the example gives {', '.join(given)}.")
    return given


def _as_torch(model: Any, names: list[str]) -> Any:
    import torch

    class Answering(torch.nn.Module):  # type: ignore[misc]  # mypy skips torch
        """The Keras model as it answers, without dropout, with named outputs."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *arrays: Any) -> Any:
            answered = self.model(_arranged(model, dict(zip(names, arrays, strict=True))), training=False)
            outputs = getattr(model, "output_names", None)
            if isinstance(answered, list | tuple) and outputs and len(set(outputs)) == len(answered):
                return dict(zip(outputs, answered, strict=True))
            return answered

    return Answering()


def _arranged(model: Any, arrays: dict[str, Any]) -> Any:
    """The inputs as the model takes them: one, a list in its order, or a mapping by name."""
    inputs = getattr(model, "inputs", None) or []
    if inputs and isinstance(getattr(model, "input", None), dict):
        return arrays if set(arrays) == set(model.input) else dict(zip(model.input, arrays.values(), strict=True))
    if len(inputs) > 1:
        return [arrays[tensor.name] for tensor in inputs]
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays
