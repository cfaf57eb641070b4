"""An application behind uvicorn as the platform runs it, and connections on which a test says what it likes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from tests.support.waiting import until

from jinsu.web.options import OPTIONS


@contextmanager
def live(app: Any) -> Iterator[int]:
    """The port at which the application answers, on this machine."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, **OPTIONS))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, 20, "uvicorn listens", 0.02)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def head(method: str, path: str, *lines: str) -> bytes:
    """The head of a request, up to the empty line."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: api.test", *lines, "", ""]).encode()


def connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def heard(client: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    found = b""
    while True:
        try:
            part = client.recv(65536)
        except ConnectionResetError:
            return found
        if not part:
            return found
        found += part
