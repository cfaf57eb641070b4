"""What must hold before anything is started: usable folders, enough disk space, free ports, and no second start beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from jinsu.errors import BadInputError, ConflictError
from jinsu.home import SETTINGS_NAME
from jinsu.local.new_settings import LISTENERS
from jinsu.settings import Settings, port_of

MIN_FREE_BYTES = 256 * 2**20


_FOLDERS = ("run", "logs", "airflow", "mlflow", "objects")


def make_home(home: Path) -> None:
    """Makes the home and the folders in it. Raises BadInputError when they cannot be written, or when the folder holds
    somebody else's files, which `jinsu down --erase` would remove."""
    try:
        _refuse_foreign(home)
        home.mkdir(parents=True, exist_ok=True)
        # PostgreSQL runs as another user when this one is root, and must be able to pass through.
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for part in _FOLDERS:
            (home / part).mkdir(exist_ok=True, mode=0o700)
        (home / "objects" / "steps").mkdir(parents=True, exist_ok=True)
        (home / "objects").chmod(0o700)
        probe = home / "run" / ".probe"
        probe.write_bytes(b"\0" * (1 << 20))
        probe.unlink()
    except OSError as problem:
        raise BadInputError(
            f"{home}: cannot be used: {problem.strerror}; free disk space, or set JINSU_HOME."
        ) from None


def _refuse_foreign(home: Path) -> None:
    if not home.is_dir() or (home / SETTINGS_NAME).exists():
        return
    foreign = sorted(path.name for path in home.iterdir() if path.name not in _FOLDERS and path.name[0] != ".")
    if foreign:
        named = ", ".join(foreign[:3])
        raise BadInputError(
            f"{home}: is not empty and holds no platform ({named}{' …' if len(foreign) > 3 else ''}); "
            "set JINSU_HOME to a new folder."
        )


def make_runtime(runtime: Path) -> None:
    """Makes the folder of the sockets. Raises ConflictError when another user could have made or changed it."""
    runtime.mkdir(mode=0o711, exist_ok=True)
    status = runtime.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise ConflictError(f"{runtime}: belongs to another user; remove it, or set TMPDIR to a folder of yours.")


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Holds the home's lock. Raises ConflictError when another `jinsu up` holds it."""
    with (home / "run" / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"{home}: another 'jinsu up' is at work; wait for it.") from None
        yield


def check_space(home: Path) -> None:
    """Raises BadInputError when the home's disk is almost full."""
    free = shutil.disk_usage(home).free
    if free < MIN_FREE_BYTES:
        raise BadInputError(
            f"{home}: {free >> 20} MiB of disk space are free, the platform needs {MIN_FREE_BYTES >> 20}; "
            "free disk space, or set JINSU_HOME."
        )


def check_ports(settings: Settings) -> None:
    """Raises ConflictError, naming the process if it can be found, when one of the installation's ports is taken."""
    first = port_of(settings.api_url)
    for port, listener in enumerate(LISTENERS, first):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise ConflictError(
                    f"port {port} for {listener} is taken{_holder(port)}; "
                    f"stop that program, or choose other ports: jinsu up --port {port + 100}"
                ) from None


def _holder(port: int) -> str:
    """` by process 123 (NAME)`, or nothing when the process cannot be seen."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""
