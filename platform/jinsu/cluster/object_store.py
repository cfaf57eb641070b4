"""An object store for trying Jinsu out: one server, one disk, no copies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jinsu.cluster.become import become
from jinsu.cluster.volume import require_writable


def start() -> None:
    """Makes the bucket and becomes the server."""
    keys = {
        "NANIO_ACCESS_KEY": os.environ["AWS_ACCESS_KEY_ID"],
        "NANIO_SECRET_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    folder = Path(os.environ["JINSU_STORE_FOLDER"])
    require_writable(folder.parent)
    (folder / os.environ["JINSU_STORE_BUCKET"]).mkdir(parents=True, exist_ok=True)
    options = ("--data-dir", str(folder), "--host", "0.0.0.0", "--port", "9000")  # noqa: S104  # it asks for its keys
    become((sys.executable, "-m", "nanio", "serve", *options), keys)
