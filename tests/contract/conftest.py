"""What the contract suites share: short folders for sockets, PostgreSQL, Envoy, and nothing left running after a test."""

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests.support.postgres import PASSWORD, running_server

from jinsu.gateway import schema
from jinsu.gateway.bootstrap import Gateway, bootstrap
from jinsu.gateway.envoy import binary as envoy_binary
from jinsu.servers.postgres import Postgres


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name (Unix sockets allow 107 characters) that PostgreSQL's user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="jinsu-test-"))
    folder.chmod(0o711)
    yield folder
    _end(living(folder))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[[], list[psutil.Process]]]:
    """Lists all living processes that this test started: those that name its folder. They end with the test."""
    yield lambda: living(tmp_path)
    _end(living(tmp_path))


def living(folder: Path) -> list[psutil.Process]:
    """Processes with `folder` in their arguments or in the environment they were started with."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(folder) in word for word in words):
                found.append(process)
    return found


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


# --- PostgreSQL ---

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of this process."""
    with running_server() as found:
        yield found


@pytest.fixture
def empty_database(server: Postgres) -> str:
    """The address of an empty database, as SQLAlchemy writes it."""
    name = f"test_{next(_numbers)}"
    server.create_databases(PASSWORD, (name,))
    return server.url(name, PASSWORD)


# --- Envoy ---


@dataclass(frozen=True)
class Ports:
    """Where one Envoy listens, and where it looks for its configuration."""

    gateway: int
    admin: int
    xds: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin}"

    @property
    def xds_address(self) -> str:
        return f"127.0.0.1:{self.xds}"


@pytest.fixture
def ports() -> Ports:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    found = Ports(*(taken.getsockname()[1] for taken in sockets))
    for taken in sockets:
        taken.close()
    return found


@pytest.fixture
def start_envoy(ports: Ports, tmp_path: Path, own: object) -> Callable[[], subprocess.Popen[bytes]]:
    """Starts the real Envoy as `jinsu up` does. Publish and serve first: it asks at once."""

    def start() -> subprocess.Popen[bytes]:
        config = tmp_path / "envoy.json"
        config.write_text(json.dumps(bootstrap(Gateway(ports.gateway, ports.admin, ports.xds))))
        command = [
            envoy_binary(),
            "-c",
            config,
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warning",
        ]
        with (tmp_path / "envoy.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    return start


@pytest.fixture(scope="session")
def envoy_schema(tmp_path_factory: pytest.TempPathFactory) -> schema.Schema:
    return schema.load(envoy_binary(), tmp_path_factory.mktemp("schema"))
