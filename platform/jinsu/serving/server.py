"""One packaged model version as one HTTP process.

The process serves MLflow's `/invocations` and the Open Inference Protocol v2, beside `/health` and Prometheus'
`/metrics`, and with `--grpc` the Open Inference Protocol over gRPC too.

    python -m jinsu.serving.server FOLDER --name digits --version 3 --socket /run/digits-3.sock
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from jinsu.errors import GateFailedError
from jinsu.serving.http_server import Address, HttpServer
from jinsu.serving.key import KEY_VARIABLE
from jinsu.serving.limits import Limits
from jinsu.serving.service import Service

log = logging.getLogger("jinsu.server")

_SWITCH_SECONDS = 5e-4
"""How long the event loop waits for a thread that decodes, beside the rest of the thread's present call into C."""

_GRACE_SECONDS = 10


def main() -> None:
    import uvloop

    arguments = _arguments()
    limits = Limits(memory=arguments.memory)
    try:
        identity = (arguments.folder, arguments.name, arguments.version)
        service = Service(*identity, limits, arguments.contents, arguments.gpu)
    except GateFailedError as problem:
        sys.exit(f"{arguments.name} version {arguments.version} is not served: {problem}")
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # what was imported lives as long as the server; looking through it made some requests late
    address = Address(arguments.socket or "", arguments.host, arguments.port)
    try:
        uvloop.run(_serve(service, address, arguments.grpc, os.environ.get(KEY_VARIABLE, "")))
    except (OSError, RuntimeError) as problem:
        sys.exit(f"{arguments.name} version {arguments.version} is not served: {problem}")
    finally:
        service.close()


async def _serve(service: Service, address: Address, grpc_address: str, key: str) -> None:
    """Answers requests until SIGTERM or SIGINT."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with contextlib.AsyncExitStack() as servers:
        if grpc_address:
            await servers.enter_async_context(_grpc(service, grpc_address, key))
        await servers.enter_async_context(HttpServer(service, key).listening(address, _GRACE_SECONDS))
        await ended.wait()


@contextlib.asynccontextmanager
async def _grpc(service: Service, address: str, key: str) -> AsyncIterator[None]:
    """A gRPC server in the same event loop."""
    try:
        from jinsu.serving.grpc_server import GrpcServer  # 15 MB that a server without gRPC does without
    except ModuleNotFoundError as problem:
        # The image of a python model is its team's: without gRPC's packages it still answers over HTTP.
        log.warning("nothing is answered over gRPC: this image has no %s", problem.name)
        yield
        return
    server = GrpcServer(service, key)
    await server.start(address)
    try:
        yield
    finally:
        await server.stop(_GRACE_SECONDS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m jinsu.serving.server", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--socket", help="Unix socket to listen on")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, without --socket")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on, without --socket")
    parser.add_argument("--grpc", default="", help="HOST:PORT or unix:PATH of the protocol over gRPC; none without it")
    parser.add_argument("--contents", default="", help="digest that the package must have")
    parser.add_argument("--memory", type=int, default=Limits.memory, help="bytes that the model may allocate")
    parser.add_argument("--gpu", type=int, default=0, help="how many GPUs compute the model; it is not served without")
    return parser.parse_args()


if __name__ == "__main__":
    main()
