"""What the benchmarks share: an installation of their own, free ports, and the memory of families of processes."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil
from tests.bench.figure import Say
from tests.support.waiting import until

from jinsu import settings as configuration
from jinsu.api.models import Dataset
from jinsu.cli.client import Client
from jinsu.clients.supervisord import Supervisor
from jinsu.home import HOME_VARIABLE
from jinsu.local import up as local

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
DIGITS = ROOT / "examples" / "digits"
PORTS = 6


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's own user can pass through."""
    path = Path(tempfile.mkdtemp(prefix="jinsu-bench-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def installation(say: Say) -> Iterator[Path]:
    """A home of its own in `$JINSU_HOME`. Whatever was started in it is ended and erased."""
    before = os.environ.get(HOME_VARIABLE)
    with folder() as parent:
        os.environ[HOME_VARIABLE] = str(parent / "home")
        configuration.load.cache_clear()
        try:
            yield parent / "home"
        finally:
            local.down(True, say)
            configuration.load.cache_clear()
            os.environ.pop(HOME_VARIABLE, None)
            if before is not None:
                os.environ[HOME_VARIABLE] = before


def put_digits(client: Client) -> None:
    """The digits dataset, as `make demo` uploads it."""
    with folder() as place:
        table = place / "digits.parquet"
        subprocess.run([sys.executable, str(DIGITS / "prepare.py"), str(table)], check=True)
        client.upload("/v1/datasets/digits", Dataset, table.read_bytes(), suffix=".parquet")


def free_ports(count: int = PORTS) -> int:
    """The first of `count` neighbouring ports that nobody listens on, below those that clients get."""
    while True:
        base = random.randrange(20_000, 31_000, 10)
        if all(_free(base + offset) for offset in range(count)):
            return base


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def server(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a session of its own; it and all its descendants end with the block."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            list(command),
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    family = tree(process.pid)
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.send_signal(signal.SIGTERM)
    _, left = psutil.wait_procs(family, timeout=10)
    for member in left:
        with contextlib.suppress(psutil.Error):
            member.kill()
    process.wait(10)


def seconds_until(check: Callable[[], bool], what: str, within: float = 60.0) -> float:
    """Seconds until `check` is true."""
    begun = time.monotonic()
    until(check, within, what, every=0.05)
    return time.monotonic() - begun


def tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants that live."""
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def programs() -> dict[str, psutil.Process]:
    """The leader of each program of the installation in `$JINSU_HOME`, and supervisord."""
    settings = configuration.load()
    supervisor = Supervisor(Path(settings.home), Path(settings.runtime), settings.supervisor_password)
    found = {name: psutil.Process(pid) for name, pid in supervisor.processes().items()}
    leader = found["api"].parent()
    assert leader is not None
    return {"supervisord": leader, **found}


def family(name: str, leader: psutil.Process) -> list[psutil.Process]:
    """supervisord's descendants are the programs; every other program goes with its own."""
    return [leader] if name == "supervisord" else tree(leader.pid)


def processor_seconds(processes: Sequence[psutil.Process]) -> float:
    """Processor time that they and the children they have waited for have used."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(processes: Sequence[psutil.Process]) -> float:
    """Their memory together in MB (2^20), each shared page counted once among all who map it (PSS)."""
    return sum(_pss(process.pid) for process in processes) / 1024


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
