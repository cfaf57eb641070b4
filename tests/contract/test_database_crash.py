"""What PostgreSQL has confirmed survives the end of its processes: of one machine, and of the chart's bundled database."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from jinsu.cluster import database
from jinsu.servers import postgres
from jinsu.servers.postgres import Postgres

_PASSWORD = "only-for-this-test"
_ROWS = 20


@pytest.fixture(params=["one machine", "bundled"])
def server(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A new database cluster with the options of one of the two; it listens on its socket only."""
    home = Path(tempfile.mkdtemp(prefix="jinsu-test-"))
    home.chmod(0o711)
    found = postgres.locate(home, home)
    if request.param == "bundled":
        found = replace(found, options={**database.OPTIONS, "listen_addresses": ""})
    found.initialise(_PASSWORD)
    yield found
    postgres.erase(home)
    shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def running(server: Postgres) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        server.program().command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        server.create_databases(_PASSWORD, ("probe",))
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        process.wait(60)


def connected(server: Postgres) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(server.sockets), user="jinsu", password=_PASSWORD, dbname="probe", autocommit=True)


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Every process of the server at once, as the kernel does when memory is short. None can write another byte."""
    family = [process.pid, *children(process.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    process.wait(60)
    patience = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in family) and time.monotonic() < patience:
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def test_a_confirmed_row_is_there_after_the_server_was_killed(server: Postgres) -> None:
    with running(server) as process:
        connection = connected(server)
        connection.execute("CREATE TABLE rows (number int)")
        connection.execute("CHECKPOINT")
        for number in range(_ROWS):
            connection.execute("INSERT INTO rows VALUES (%s)", (number,))
        kill_all(process)
        with contextlib.suppress(psycopg.Error):
            connection.close()
    (server.data / "postmaster.pid").unlink(missing_ok=True)
    with running(server), connected(server) as connection:
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (_ROWS,)
