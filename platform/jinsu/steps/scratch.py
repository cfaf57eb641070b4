"""The folder for a script's temporary files. Its path is short: a Unix socket's has 107 bytes, and libraries add to it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 30
"""Python adds up to 33 characters for a process's socket, torch 40 for its shared memory, and others more."""


@contextmanager
def scratch_folder(root: Path, *, seen_elsewhere: bool) -> Iterator[Path]:
    """A new empty folder for the step in `root`, removed at the end with what runners that were killed have left.

    In `root` itself, unless that path is too long; `seen_elsewhere`: the script sees the folder at another, short path.
    """
    if seen_elsewhere or len(str(root)) <= _LONGEST:
        parent, prefix = root, "tmp-"
    else:
        parent = Path(tempfile.gettempdir())
        prefix = f"jinsu-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}-"
    for left in parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
