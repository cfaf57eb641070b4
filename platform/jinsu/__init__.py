"""Jinsu launches machine-learning models. In a training script this name is the researcher's SDK (`jinsu.sdk`)."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    sdk = import_module("jinsu.sdk")
    if name in dir(sdk):
        return getattr(sdk, name)
    raise AttributeError(f"module 'jinsu' has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *dir(import_module("jinsu.sdk"))]
