"""A model server of Jinsu and the gateway in front of it, started as one machine starts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from tests.bench.machine import free_ports, seconds_until, server
from tests.bench.peers import Target, healthy
from tests.bench.served_models import Served

from jinsu.gateway import schema, topology
from jinsu.gateway.backend import Backend
from jinsu.gateway.bootstrap import Gateway, bootstrap
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer
from jinsu.gateway.envoy import binary as envoy_binary
from jinsu.gateway.topology import Route


@dataclass(frozen=True)
class Running:
    """Where requests go, and the process that was started."""

    target: Target
    pid: int


@contextlib.contextmanager
def model_server(served: Served, place: Path, name: str = "direct", source: str = "") -> Iterator[Running]:
    """As `LocalDeployer` starts it. source: the source root of another version of Jinsu; this one's without it."""
    socket, bodies = place / name, place / "bodies.jsonl"
    bodies.write_text(served.bodies(), encoding="utf-8")
    command = [sys.executable, "-m", "jinsu.serving.server", str(served.folder), "--name", served.name]
    command += ["--version", "1", "--socket", str(socket)]
    environment: Mapping[str, str] = {"OMP_NUM_THREADS": "1", **({"PYTHONPATH": source} if source else {})}
    with server(command, environment, place / f"{name}.log") as process:
        seconds_until(socket.exists, "the model server")
        yield Running(Target(name, str(socket), "/invocations", bodies), process.pid)


@contextlib.contextmanager
def gateway(model: str, direct: Target, place: Path, name: str = "envoy") -> Iterator[Running]:
    """As on a laptop: the platform's bootstrap, clusters and routes, from its own discovery server."""
    binary, port = envoy_binary(), free_ports()
    configuration = place / f"{name}.json"
    configuration.write_text(json.dumps(bootstrap(Gateway(port, port + 1, port + 2))), encoding="utf-8")
    flags = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
    command = [str(binary), "-c", str(configuration), *flags]
    with _discovery(model, direct.address, place, port + 2), server(command, {}, place / f"{name}.log") as process:
        seconds_until(lambda: healthy(f"http://127.0.0.1:{port}/models/{model}/health"), "Envoy")
        target = Target(name, f"127.0.0.1:{port}", f"/models/{model}/invocations", direct.bodies)
        yield Running(target, process.pid)


@contextlib.contextmanager
def _discovery(model: str, socket: str, place: Path, port: int) -> Iterator[None]:
    """The release controller's discovery server, in a thread; it has nothing to do once Envoy knows the route."""
    known, over = schema.load(envoy_binary(), place), Event()
    routes = [Route(model, Backend(model, "1", socket))]

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
