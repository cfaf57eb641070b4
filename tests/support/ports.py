"""Ports of this machine."""

import contextlib
import socket


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a program accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 0.2):
        return True
    return False
