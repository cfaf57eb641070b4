"""The model server as its own process under uvicorn, spoken to over its Unix socket."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.hostile_models import write_model
from tests.support.waiting import until

ENDLESS = 1e12
"""Turns of the model's loop that take hours."""


@contextlib.contextmanager
def serving(folder: Path, address: Path, *options: str) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "jinsu.serving.server", str(folder), "--name", "m", "--version", "3"]
    process = subprocess.Popen([*command, "--socket", str(address), *options], env=dict(os.environ))
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(address)), base_url="http://model", timeout=20
        ) as client:
            until(address.exists, 60, "the server")
            yield client
    finally:
        process.terminate()
        process.wait(20)


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
    """The first request keeps the model busy, twice for a second; of those that wait behind it, five are given up."""
    address = tmp_path / "m.sock"
    with serving(loop_model, address) as client:
        busy = post(address, ENDLESS)
        time.sleep(0.1)
        waiting = [post(address, 1.0) for _ in range(6)]
        time.sleep(0.1)
        for connection in waiting[:5]:
            connection.close()
        until(lambda: "jinsu_queue_rows 1.0" in client.get("/metrics").text, 5, "the queue to shrink")
        assert b" 504 " in busy.recv(4096)
        assert b"200 OK" in waiting[5].recv(4096)
        assert "jinsu_batch_rows_sum 3.0" in client.get("/metrics").text
        assert 'jinsu_requests_total{status="499"} 5.0' in client.get("/metrics").text


def test_a_run_for_which_nobody_waits_any_more_is_stopped(loop_model: Path, tmp_path: Path) -> None:
    address = tmp_path / "m.sock"
    with serving(loop_model, address) as client:
        endless = post(address, ENDLESS)
        time.sleep(0.1)
        endless.close()
        begun = time.monotonic()
        assert client.post("/invocations", json={"inputs": [[1.0, 2.0, 3.0, 4.0]]}).status_code == 200
        assert time.monotonic() - begun < 0.8, "a run may take a second before the server stops it"
        assert runs(client) == 2
