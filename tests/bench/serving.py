"""One model behind two servers: ours behind Envoy, as live traffic meets it, and MLflow's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from tests.bench.figure import Figure, Say, at_least, below, plain
from tests.bench.load import Load, hammer
from tests.bench.machine import folder, free_ports, seconds_until, server

from jinsu.gateway import schema, topology
from jinsu.gateway.backend import Backend
from jinsu.gateway.bootstrap import Gateway, bootstrap
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer
from jinsu.gateway.envoy import binary as envoy_binary
from jinsu.gateway.topology import Route
from jinsu.packaging.package import package
from jinsu.registry.mlmodel import mlmodel_files
from jinsu.sdk.example import read_example
from jinsu.sdk.saving import save_model

CONNECTIONS, ROUNDS, SECONDS = 10, 5, 3.0
_HOW = (
    f"Digits CNN, 1 row a request, {CONNECTIONS} kept connections, median of {ROUNDS} alternating {SECONDS:g}-s rounds"
)


@dataclass(frozen=True)
class Target:
    """Where the load goes."""

    name: str
    address: str
    path: str


def measure(say: Say) -> list[Figure]:
    with folder() as place, contextlib.ExitStack() as stack:
        say("exporting the model")
        packaged, bodies = _model(place), place / "bodies.jsonl"
        say("starting MLflow's server, ours and Envoy")
        ports = free_ports()
        targets = (
            stack.enter_context(_mlflow(packaged, place, ports)),
            stack.enter_context(_ours(packaged, place)),
        )
        targets += (stack.enter_context(_envoy(targets[1].address, place, ports + 1)),)
        _agree(targets, bodies)
        for target in targets:
            hammer(target.address, target.path, bodies, CONNECTIONS, 1.0)  # warm
        rounds = []
        for number in range(ROUNDS):
            say(f"round {number + 1} of {ROUNDS}")
            rounds.append({t.name: hammer(t.address, t.path, bodies, CONNECTIONS, SECONDS) for t in targets})
    return _figures(rounds)


def _figures(rounds: list[dict[str, Load]]) -> list[Figure]:
    def middle(name: str, field: str) -> float:
        return median(float(getattr(each[name], field)) for each in rounds)

    ratio = median(each["envoy"].per_second / each["mlflow"].per_second for each in rounds)
    tail = median(each["envoy"].p99_ms / each["mlflow"].p99_ms for each in rounds)
    failed = sum(load.failed for each in rounds for load in each.values())
    titles = {"envoy": "through Envoy", "direct": "without Envoy", "mlflow": "mlflow models serve"}
    found = [
        at_least("serving: times MLflow's requests/s", ratio, "×", 6, f"{_HOW}, of the ratio within each round."),
        below("serving: p99 to MLflow's p99", tail, "×", 1, f"{_HOW}, of the ratio within each round."),
    ]
    for name, title in titles.items():
        found += [
            plain(f"serving: {title}", middle(name, "per_second"), "req/s", f"{_HOW}."),
            plain(f"serving: {title}, p50", middle(name, "p50_ms"), "ms", f"{_HOW}."),
            plain(f"serving: {title}, p99", middle(name, "p99_ms"), "ms", f"{_HOW}."),
        ]
    return [
        *found,
        below("serving: failed requests", failed, "", 1, f"All answers but 200 in {ROUNDS} rounds of each."),
    ]


def _model(place: Path) -> Path:
    """The network of examples/digits with random weights: as fast as a trained one."""
    import torch
    from sklearn.datasets import load_digits
    from torch import nn

    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))
    images = load_digits().images.reshape(-1, 1, 8, 8).astype(np.float32)
    save_model(place / "saved", network, read_example(images[:64], None, None))
    package(place / "saved", place / "package", 1e-4, 1000.0)
    lines = [json.dumps({"inputs": [image.tolist()]}) for image in images[:256]]
    (place / "bodies.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return place / "package"


@contextlib.contextmanager
def _mlflow(packaged: Path, place: Path, port: int) -> Iterator[Target]:
    for name, content in mlmodel_files(packaged, {"submission": "bench", "lineage": {"package": "0" * 32}}).items():
        (place / "mlmodel").mkdir(exist_ok=True)
        (place / "mlmodel" / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    binaries = Path(sys.executable).parent
    command = f"{binaries}/mlflow models serve -m mlmodel --env-manager local --workers 1 -h 127.0.0.1 -p {port}"
    environment = {
        "PATH": f"{binaries}:/usr/bin:/bin",
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/tracking.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with server(command.split(), environment, place / "mlflow.log"):
        seconds_until(lambda: _healthy(f"http://127.0.0.1:{port}/ping"), "mlflow models serve", 120)
        yield Target("mlflow", f"127.0.0.1:{port}", "/invocations")


@contextlib.contextmanager
def _ours(packaged: Path, place: Path) -> Iterator[Target]:
    """As `LocalDeployer` starts it."""
    socket = place / "digits-v1"
    command = [sys.executable, "-m", "jinsu.serving.server", str(packaged), "--name", "digits", "--version", "1"]
    with server([*command, "--socket", str(socket)], {"OMP_NUM_THREADS": "1"}, place / "server.log"):
        seconds_until(socket.exists, "the model server")
        yield Target("direct", str(socket), "/invocations")


@contextlib.contextmanager
def _envoy(socket: str, place: Path, port: int) -> Iterator[Target]:
    """As on a laptop: the platform's bootstrap, clusters and routes, from its own discovery server."""
    binary = envoy_binary()
    (place / "envoy.json").write_text(json.dumps(bootstrap(Gateway(port, port + 1, port + 2))), encoding="utf-8")
    flags = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
    command = [str(binary), "-c", str(place / "envoy.json"), *flags]
    with _discovery(socket, place, port + 2), server(command, {}, place / "envoy.log"):
        seconds_until(lambda: _healthy(f"http://127.0.0.1:{port}/models/digits/health"), "Envoy")
        yield Target("envoy", f"127.0.0.1:{port}", "/models/digits/invocations")


@contextlib.contextmanager
def _discovery(socket: str, place: Path, port: int) -> Iterator[None]:
    """The release controller's discovery server, in a thread; it has nothing to do once Envoy knows the route."""
    from threading import Event, Thread

    known, over = schema.load(envoy_binary(), place), Event()
    routes = [Route("digits", Backend("digits", "1", socket))]

    async def serve() -> None:
        xds = XdsServer(known)
        xds.publish(CLUSTER, topology.clusters(routes))
        xds.publish(ROUTE, topology.routes(routes))
        xds.publish(RUNTIME, topology.runtime(routes))
        listening = await xds.serve(f"127.0.0.1:{port}")
        await asyncio.to_thread(over.wait)
        await listening.stop(0)

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


def _agree(targets: tuple[Target, ...], bodies: Path) -> None:
    """All give the same answer to the same row, or the comparison means nothing."""
    body = bodies.read_bytes().splitlines()[0]
    answers = [_ask(target, body) for target in targets]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=1e-4, atol=1e-5)


def _ask(target: Target, body: bytes) -> np.ndarray:
    unix = target.address.startswith("/")
    base = "http://localhost" if unix else f"http://{target.address}"
    with httpx.Client(transport=httpx.HTTPTransport(uds=target.address) if unix else None, base_url=base) as client:
        answer = client.post(target.path, content=body, headers={"content-type": "application/json"})
    predictions = answer.raise_for_status().json()["predictions"]
    return np.asarray(predictions["output"] if isinstance(predictions, dict) else predictions, dtype=float)
