"""Model servers under a real supervisor: a server that hangs is replaced, and one that is killed answers again."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.support.hostile_models import write_model
from tests.support.waiting import eventually

from jinsu.clients.supervisord import Supervisor
from jinsu.deployers import stuck_servers
from jinsu.deployers.local_deployer import LocalDeployer
from jinsu.deployers.server_probe import ServerProbe
from jinsu.files import file_digest
from jinsu.gateway.backend import Backend
from jinsu.packaging.contents import SealedPackage, contents_digest
from jinsu.sdk.model_files import MODEL_FILES

KEY, NAME = "a" * 64, "model-loop-v1"
GOOD = {"inputs": [[1.0, 2.0, 3.0, 4.0]]}


@pytest.fixture
def supervisor(tmp_path: Path, short: Path, own: object) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path, short, "hush-hush-password")
    found.launch()
    yield found
    found.stop()


@pytest.fixture
def package(tmp_path: Path) -> SealedPackage:
    folder = write_model(tmp_path / "steps" / KEY / "out", "loop")
    (folder / "probes.npz").write_bytes(b"probes")
    return SealedPackage(KEY, contents_digest({name: file_digest(folder / name) for name in MODEL_FILES}))


def deploy(
    supervisor: Supervisor, short: Path, tmp_path: Path, package: SealedPackage
) -> tuple[LocalDeployer, Backend]:
    deployer = LocalDeployer(supervisor, short, tmp_path / "steps")
    backend = deployer.deploy("loop", "1", package)
    assert eventually(lambda: ServerProbe().ready(backend), 60)
    return deployer, backend


def predict(backend: Backend) -> int:
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=backend.address), base_url="http://model", timeout=30
    ) as client:
        return client.post("/invocations", json=GOOD).status_code


def test_a_server_that_hangs_is_replaced(
    supervisor: Supervisor, short: Path, tmp_path: Path, package: SealedPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stuck_servers, "SILENT_SECONDS", 6.0)
    monkeypatch.setattr(stuck_servers, "LOOK_SECONDS", 0.5)
    deployer, backend = deploy(supervisor, short, tmp_path, package)
    over = deployer.watch()
    former = supervisor.processes()[NAME]
    time.sleep(2)
    os.kill(former, signal.SIGSTOP)

    assert eventually(lambda: supervisor.processes().get(NAME) not in (None, former), 60)
    assert eventually(lambda: ServerProbe().ready(backend), 60)
    assert predict(backend) == 200
    assert not psutil.pid_exists(former)
    over.set()


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGSTOP], ids=lambda value: value.name)
def test_an_inference_process_that_is_lost_costs_no_answer(
    supervisor: Supervisor, short: Path, tmp_path: Path, package: SealedPackage, signal_: signal.Signals
) -> None:
    _, backend = deploy(supervisor, short, tmp_path, package)
    server = supervisor.processes()[NAME]
    (inference,) = psutil.Process(server).children()
    inference.send_signal(signal_)

    assert predict(backend) == 200
    assert supervisor.processes()[NAME] == server
    assert not inference.is_running()


def test_nothing_of_a_killed_server_stays(
    supervisor: Supervisor, short: Path, tmp_path: Path, package: SealedPackage
) -> None:
    """Also when its inference process is stopped, and cannot notice anything."""
    _, backend = deploy(supervisor, short, tmp_path, package)
    server = supervisor.processes()[NAME]
    (inference,) = psutil.Process(server).children()
    inference.suspend()
    os.kill(server, signal.SIGKILL)

    assert eventually(lambda: not inference.is_running(), 60)
    assert eventually(lambda: ServerProbe().ready(backend), 60)


def test_a_package_that_was_changed_is_not_served(
    supervisor: Supervisor, short: Path, tmp_path: Path, package: SealedPackage
) -> None:
    model = tmp_path / "steps" / KEY / "out" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\x00")
    deployer = LocalDeployer(supervisor, short, tmp_path / "steps")
    backend = deployer.deploy("loop", "1", package)
    log = tmp_path / "logs" / f"{NAME}.log"

    assert eventually(lambda: log.exists() and "not those that were evaluated" in log.read_text(), 30)
    assert not ServerProbe().answers(backend)
    with contextlib.suppress(psutil.Error):
        assert "Traceback" not in log.read_text()
