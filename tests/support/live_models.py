"""A service behind the HTTP of a model server, in the process of the test."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx

from jinsu.serving.http_server import Address, HttpServer
from jinsu.serving.service import Service


@contextlib.asynccontextmanager
async def http_client(service: Service, key: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service over a Unix socket, in the present event loop."""
    with tempfile.TemporaryDirectory() as place:
        socket = str(Path(place) / "m.sock")
        async with (
            HttpServer(service, key).listening(Address(socket), 5),
            httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=socket), base_url="http://model") as client,
        ):
            yield client


@contextlib.contextmanager
def live_service(service: Service) -> Iterator[int]:
    """The port at which the service answers, on this machine, from an event loop in a thread."""
    told: queue.Queue[int] = queue.Queue()
    ended, loop = asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with HttpServer(service).listening(Address(), 5) as port:
            told.put(port)
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        yield told.get(timeout=20)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(20)
        loop.close()
