"""The model server as its own process under uvicorn, spoken to over its Unix socket."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.hostile_models import write_model
from tests.support.waiting import until

ENDLESS = 1e12
"""Turns of the model's loop that take hours."""


PROGRAM = """
import dataclasses, sys
from jinsu.serving import server

@dataclasses.dataclass(frozen=True)
class Limits(server.Limits):
    run: float = float(sys.argv.pop(1))
    grace: float = 60.0
    deadline: float = 600.0

server.Limits = Limits
server.main()
"""
"""The server with other limits. Its first argument: seconds that a run may take."""


@contextlib.contextmanager
def serving(folder: Path, address: Path, run: float) -> Iterator[httpx.Client]:
    command = [sys.executable, "-c", PROGRAM, str(run), str(folder), "--name", "m", "--version", "3"]
    process = subprocess.Popen([*command, "--socket", str(address)], env=dict(os.environ))
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(address)), base_url="http://model", timeout=60
        ) as client:
            until(address.exists, 60, "the server")
            yield client
    finally:
        process.terminate()
        process.wait(60)


def post(address: Path, largest: float) -> socket.socket:
    """A connection on which a whole request was sent, and whose answer nobody has read."""
    body = json.dumps({"inputs": [[0.0, 0.0, 0.0, largest]]}).encode()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(address))
    connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return connection


def runs(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith("jinsu_batch_rows_count ")))


@pytest.fixture(scope="module")
def loop_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("loop") / "package", "loop")


def test_the_work_of_a_client_that_has_left_is_dropped(loop_model: Path, tmp_path: Path) -> None:
    """The first request keeps the model busy, twice for three seconds; of those that wait behind it, five are given up."""
    address = tmp_path / "m.sock"
    with serving(loop_model, address, run=3.0) as client:
        busy = post(address, ENDLESS)
        until(lambda: runs(client) == 1, 20, "the first run")
        waiting = [post(address, 1.0) for _ in range(6)]
        until(lambda: "jinsu_queue_rows 6.0" in client.get("/metrics").text, 20, "the queue to grow", 0.02)
        for connection in waiting[:5]:
            connection.close()
        until(lambda: "jinsu_queue_rows 1.0" in client.get("/metrics").text, 20, "the queue to shrink", 0.02)
        assert b" 504 " in busy.recv(4096)
        assert b"200 OK" in waiting[5].recv(4096)
        assert "jinsu_batch_rows_sum 3.0" in client.get("/metrics").text
        assert 'jinsu_requests_total{status="499"} 5.0' in client.get("/metrics").text


def test_a_run_for_which_nobody_waits_any_more_is_stopped(loop_model: Path, tmp_path: Path) -> None:
    address = tmp_path / "m.sock"
    with serving(loop_model, address, run=600.0) as client:
        endless = post(address, ENDLESS)
        until(lambda: runs(client) == 1, 20, "the run")
        endless.close()
        assert client.post("/invocations", json={"inputs": [[1.0, 2.0, 3.0, 4.0]]}).status_code == 200
        assert runs(client) == 2
