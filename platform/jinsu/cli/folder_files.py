"""The files of a training's folder that its snapshot will hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jinsu.runs.snapshots import IGNORED


def files_of(folder: Path) -> Iterator[Path]:
    """Every file, without opening any."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        yield from (Path(place, name) for name in sorted(names))


def modules_of(folder: Path) -> frozenset[str]:
    """Names by which a script could import something of the folder, whatever it adds to Python's path."""
    found: set[str] = set()
    for path in files_of(folder):
        inside = path.relative_to(folder)
        found.update(inside.parts[:-1])
        if path.suffix in (".py", ".so"):
            found.add(inside.name.partition(".")[0])
    return frozenset(found)
