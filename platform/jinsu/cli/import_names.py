"""The names by which Python imports packages, and the names by which an index knows them."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import find_spec

from jinsu.spec.requirements import normal_name

_KNOWN = {
    "bs4": ("beautifulsoup4",),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "dateutil": ("python-dateutil",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "PIL": ("pillow",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "yaml": ("pyyaml",),
}
"""Packages of the field whose two names differ."""


def is_standard(module: str) -> bool:
    """Whether Python itself, or Jinsu, brings a module."""
    return module in sys.stdlib_module_names or module in sys.builtin_module_names or module == "jinsu"


def is_installed(module: str) -> bool:
    """Whether a module can be imported on this machine."""
    if is_standard(module):
        return True
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def packages_of(module: str) -> frozenset[str]:
    """The names, as an index knows them, of the packages that are likely to hold a module."""
    return frozenset(_KNOWN.get(module, (normal_name(module),)))


def installed_as(module: str) -> frozenset[str]:
    """The installed packages that hold a module. Reads what every installed package says: 0.3 s, once."""
    return frozenset(map(normal_name, _distributions().get(module, ())))


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: list(found) for name, found in packages_distributions().items()}
