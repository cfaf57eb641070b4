"""The real broker in a thread, over HTTP."""

import contextlib
import threading
from collections.abc import Iterator

import uvicorn
from tests.support.ports import free_ports
from tests.support.waiting import eventually

from jinsu.broker.app import BrokerApp
from jinsu.broker.desk import Desk

STEP_KEY = "key-of-step-tokens"


@contextlib.contextmanager
def broker_server(desk: Desk, host: str = "127.0.0.1") -> Iterator[str]:
    """Answers as long as the context lasts; gives the broker's URL."""
    port = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(BrokerApp(desk, STEP_KEY), host=host, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started, within=20)
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
