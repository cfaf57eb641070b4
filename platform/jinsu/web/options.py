"""How each server of the platform that people reach runs uvicorn. This module imports nothing of uvicorn's."""

from __future__ import annotations

from typing import Any

OPTIONS: dict[str, Any] = {
    "http": "jinsu.web.listening:Listener",
    "ws": "none",
    "log_level": "warning",
    "server_header": False,
    "timeout_keep_alive": 15,
    "timeout_graceful_shutdown": 5,
}
"""Arguments of `uvicorn.run`, beside the address. Times in seconds."""


def flags() -> tuple[str, ...]:
    """`OPTIONS` as uvicorn's command line takes them. Pure."""
    found: list[str] = []
    for name, value in OPTIONS.items():
        option = name.replace("_", "-")
        found += [f"--no-{option}"] if value is False else [f"--{option}", str(value)]
    return tuple(found)
