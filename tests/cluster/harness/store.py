"""A real S3 server on this machine, where the pods of the test cluster reach it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import listens
from tests.support.waiting import eventually

from jinsu.objects.s3 import S3Settings

# No process of a step may ever see it.
_SECRET_KEY = "hush-hush-secret-key"
_PATIENCE = 20.0


@dataclass(frozen=True)
class TrialStore:
    """Where the server listens, its keys, and its process."""

    settings: S3Settings
    pid: int


@contextlib.contextmanager
def trial_store(folder: Path, host: str) -> Iterator[TrialStore]:
    """Runs nanio with one bucket, `objects`, as long as the context lasts."""
    (folder / "objects").mkdir(parents=True)
    with socket.create_server((host, 0)) as probe:
        port = probe.getsockname()[1]
    settings = S3Settings("objects", f"http://{host}:{port}", access_key="tests", secret_key=_SECRET_KEY)
    process = subprocess.Popen(
        [sys.executable, "-m", "nanio", "serve", "--data-dir", str(folder), "--host", host, "--port", str(port)],
        env={**os.environ, "NANIO_ACCESS_KEY": "tests", "NANIO_SECRET_KEY": _SECRET_KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: listens(port, host), _PATIENCE)
        yield TrialStore(settings, process.pid)
    finally:
        process.kill()
        process.wait()
