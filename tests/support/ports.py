"""Ports of this machine."""

import contextlib
import random
import socket


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a program accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 0.2):
        return True
    return False


def free_ports(count: int = 6) -> int:
    """The first of `count` free ports in a row."""
    for _ in range(100):
        base = random.randrange(18000, 28000, 10)
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in range(base, base + count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base
    raise AssertionError("no free ports")
