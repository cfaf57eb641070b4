"""The folders that come with Jinsu beside its Python code: the DAGs and the examples.

A wheel carries them in `jinsu/share`. A checkout and the container images have them next to the source root.
"""

from __future__ import annotations

from pathlib import Path

from jinsu.errors import NotFoundError

_PACKAGE = Path(__file__).parent
_SHARE = _PACKAGE / "share"
_ROOT = _PACKAGE.parents[1]


def dags() -> Path:
    """The folder of the DAGs. Raises NotFoundError when this copy of Jinsu has none."""
    return _folder("dags")


def examples() -> Path:
    """The folder of the examples, one folder each. Raises NotFoundError when this copy of Jinsu has none."""
    return _folder("examples")


def checkout() -> Path | None:
    """The root of the checkout that this code runs from, or None for an installed wheel or an image."""
    return _ROOT if (_ROOT / "pyproject.toml").is_file() and _PACKAGE.parent.name == "platform" else None


def _folder(name: str) -> Path:
    for folder in (_SHARE / name, _ROOT / name):
        if folder.is_dir():
            return folder
    raise NotFoundError(f"{_SHARE / name}: there is no such folder; install Jinsu anew: pip install 'jinsu[platform]'")
