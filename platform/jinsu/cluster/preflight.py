"""Before an installation: a volume of the StorageClass that the bundled parts will use can be written."""

from __future__ import annotations

from pathlib import Path

from jinsu.cluster.volume import require_writable


def start(folder: str) -> None:
    """Raises BadInputError when the volume that is mounted at `folder` cannot be written."""
    require_writable(Path(folder))
    print(f"The volume at {folder} can be written.", flush=True)
