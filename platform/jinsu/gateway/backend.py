"""What the gateway sends requests to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """A running model server: its version and where it listens, a Unix socket or `host:port`."""

    model: str
    version: str
    address: str

    @property
    def cluster(self) -> str:
        return f"{self.model}-v{self.version}"
