"""The packages that every training has without asking, and their metadata as wheels that hold nothing else.

A package that is there already is never installed a second time: the resolver sees each of them as a wheel of this version.
Such a wheel is only read, never installed.
"""

from __future__ import annotations

import hashlib
import platform
import zipfile
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from jinsu import __version__
from jinsu.spec.requirements import normal_name

OWN = "jinsu"
"""Our own package: a script that names it gets the platform's."""
ROOTS = (
    *("numpy", "onnx", "onnxruntime", "onnxscript", "pandas", "psutil", "pyarrow", "pydantic", "scikit-learn", "torch"),
    *("keras", "lightgbm", "skl2onnx", "transformers", "xgboost-cpu"),
)
"""What a training script may import, where it is installed; what these need belongs to the base too."""


@cache
def base_packages() -> Mapping[str, str]:
    """Versions of the base's packages by name, in this Python."""
    found = {name: package.version for name, package in _closure(ROOTS).items()}
    return dict(sorted({**found, OWN: __version__}.items()))


def base_digest() -> str:
    """What identifies the base: its packages, the Python and the machine."""
    lines = [f"{name}=={version}" for name, version in base_packages().items()]
    lines += [platform.python_version(), platform.system(), platform.machine()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write_base(folder: Path) -> None:
    """Writes a wheel without content for each package of the base: the resolver learns what it needs and which version it is."""
    folder.mkdir(parents=True)
    packages = _closure(ROOTS)
    for name, version in base_packages().items():
        package = packages.get(name)
        needs = package.metadata.get_all("Requires-Dist") or [] if package else []
        extras = package.metadata.get_all("Provides-Extra") or [] if package else []
        _write_wheel(folder, name, version, needs, extras)


def _write_wheel(folder: Path, name: str, version: str, needs: Iterable[str], extras: Iterable[str]) -> None:
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {need}" for need in needs] + [f"Provides-Extra: {extra}" for extra in extras]
    wheel = "Wheel-Version: 1.0\nGenerator: jinsu\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join([*lines, ""]))
        archive.writestr(f"{stem}.dist-info/WHEEL", wheel)
        archive.writestr(f"{stem}.dist-info/RECORD", "")


def _closure(roots: Iterable[str]) -> dict[str, Distribution]:
    """The installed packages among the roots, and all that they need, by name."""
    found: dict[str, Distribution] = {}
    missing: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = normal_name(waiting.pop())
        if name in found or name in missing:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            missing.add(name)
            continue
        waiting += _needs(found[name])
    return found


def _needs(package: Distribution) -> list[str]:
    """Names of what a package needs in this Python, without its extras."""
    needs = []
    for text in package.requires or []:
        try:
            need = Requirement(text)
        except InvalidRequirement:
            continue
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            needs.append(need.name)
    return needs
