"""What a plain `pip install jinsu` leaves out. A command that needs more says so before it begins."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec

from jinsu.errors import BadInputError


class Extra(StrEnum):
    """Optional dependencies of the package `jinsu`, as pyproject.toml names them."""

    PLATFORM = "platform"
    """What every process of the platform needs, and starting them on one machine."""
    CHECK = "check"
    """What runs a training script and examines the model that it saved, on a machine without the platform."""


MODULES = {
    Extra.PLATFORM: ("airflow", "mlflow", "psutil", "supervisor"),
    Extra.CHECK: ("great_expectations", "onnxruntime", "onnxscript", "pandas", "psutil", "pyarrow", "torch"),
}
"""Modules whose presence shows that an extra is installed."""

_NEED = {
    Extra.PLATFORM: "the platform",
    Extra.CHECK: "PyTorch, ONNX Runtime and Great Expectations",
}


def require(extra: Extra, command: str) -> None:
    """Raises BadInputError, with what to install, when a module of the extra is missing. command: such as `jinsu up`."""
    if any(find_spec(module) is None for module in MODULES[extra]):
        raise BadInputError(f"{command} needs {_NEED[extra]}: pip install 'jinsu[{extra}]'")
