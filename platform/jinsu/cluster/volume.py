"""Whether a volume can be written, before a server's own words about it become a traceback."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from jinsu.errors import BadInputError


def require_writable(folder: Path) -> None:
    """Writes a file and a folder there and removes both. Raises BadInputError with what to do when that fails."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".jinsu-") as place:
            path = Path(place) / "probe"
            path.write_bytes(b"probe")
            with path.open("rb") as written:
                os.fsync(written.fileno())
    except OSError as problem:
        raise BadInputError(_sentence(folder, problem)) from problem


def _sentence(folder: Path, problem: OSError) -> str:
    reason = f"{problem.strerror or problem}".lower()
    return (
        f"the volume at {folder} cannot be written by user {os.getuid()} of group {os.getgid()}: {reason}. Its StorageClass must "
        "honour the pod's fsGroup, as block volumes and most CSI drivers do; name another one in "
        "database.bundled.persistence.storageClass and objectStore.bundled.persistence.storageClass. Where volumes are "
        "folders of a node or of an NFS server, its administrator gives them to group 10001, with mode 2770."
    )
