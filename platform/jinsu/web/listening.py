"""How uvicorn listens for the platform's servers: a deadline for the head of a request, and a bound on its size and on
connections.

uvicorn has none of the three: a client that opens a connection and sends nothing, or a byte a minute, holds it for ever.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from jinsu.web.refusal import Refusal, busy, too_slow

HEAD_SECONDS = 10.0
"""How long a client may take for the head of a request."""
HEAD_BYTES = 64 * 1024
"""How long a head may be."""
CONNECTIONS = 512
"""How many connections one process keeps open."""

_NOT_HTTP = Refusal(400, f"the request is no HTTP/1.1, or its head is longer than {HEAD_BYTES} bytes.")


class Listener(H11Protocol):
    """One connection of a client."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = h11.Connection(h11.SERVER, HEAD_BYTES)
        self._head: asyncio.TimerHandle | None = None
        self._said_anything = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self._end(busy("the server has more connections than it can serve; try again.", 2))
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        self._said_anything = True
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this for bytes that are no request."""
        self._end(_NOT_HTTP)

    def on_response_complete(self) -> None:
        self._said_anything = False
        super().on_response_complete()

    def _wait_for_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _give_up(self) -> None:
        self._head = None
        if self.conn.their_state is not h11.IDLE or (self.cycle is not None and not self.cycle.response_complete):
            return
        if self._said_anything:
            self._end(too_slow(HEAD_SECONDS))
        elif self.cycle is None:
            self.transport.close()

    def _end(self, refusal: Refusal) -> None:
        """Answers in raw HTTP, unless another answer is on its way, and closes the connection."""
        self._stop_waiting()
        try:
            self.transport.write(self.conn.send(h11.Response(status_code=refusal.status, headers=refusal.headers)) or b"")
            self.transport.write(self.conn.send(h11.Data(data=refusal.body)) or b"")
            self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError:
            pass
        self.transport.close()
