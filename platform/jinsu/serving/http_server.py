"""A model server's HTTP: where it listens, which connections it has, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from jinsu.serving.http_connection import Connection
from jinsu.serving.service import Service

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may be idle: longer than Envoy keeps one, so that it never sends on a connection that is closed here."""
_SWEEP_SECONDS = 15.0
_ALL_MAY_CONNECT = 0o666


@dataclass(frozen=True)
class Address:
    """A Unix socket, or without one a host and a port; port 0 is a free one."""

    socket: str = ""
    host: str = "127.0.0.1"
    port: int = 0


class HttpServer:
    """The service over HTTP/1.1. key: what requests must carry, but for `/health`; none without it."""

    def __init__(self, service: Service, key: str = "") -> None:
        self.service, self.limits = service, service.limits
        self.held = 0
        self._key = key.encode()
        self._connections: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    # --- What connections ask ---

    def admits(self, path: str, key: bytes | None) -> bool:
        """Whether a request with this key, or none, may be answered."""
        return not self._key or path == "/health" or hmac.compare_digest(key or b"", self._key)

    def opened(self, connection: Connection) -> None:
        """Takes note of a connection. While there is one, a timer looks for those that are idle."""
        self._connections.add(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_idle)

    def closed(self, connection: Connection) -> None:
        """Forgets it."""
        self._connections.discard(connection)

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in [one for one in self._connections if one.idle_since < loop.time() - _KEEP_ALIVE_SECONDS]:
            connection.give_up()
        self._sweep = loop.call_later(_SWEEP_SECONDS, self._close_idle) if self._connections else None

    # --- From its start to its end ---

    @contextlib.asynccontextmanager
    async def listening(self, address: Address, grace: float) -> AsyncIterator[int]:
        """Answers requests inside the block; the port, or 0. At its end requests that have arrived get `grace` seconds.

        Raises OSError when nobody can listen there.
        """
        loop = asyncio.get_running_loop()
        if address.socket:
            Path(address.socket).unlink(missing_ok=True)  # a server that was killed left its socket
            server = await loop.create_unix_server(lambda: Connection(self, loop), address.socket, backlog=_BACKLOG)
            Path(address.socket).chmod(_ALL_MAY_CONNECT)
        else:
            server = await loop.create_server(
                lambda: Connection(self, loop), address.host, address.port, backlog=_BACKLOG
            )
        try:
            yield 0 if address.socket else server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await self._drain(grace)
            if address.socket:
                Path(address.socket).unlink(missing_ok=True)

    async def _drain(self, grace: float) -> None:
        for connection in list(self._connections):
            connection.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._connections:
                    await asyncio.sleep(0.02)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
