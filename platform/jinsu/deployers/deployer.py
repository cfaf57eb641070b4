"""What every deployer of model servers offers: one server a version."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from jinsu.gateway.backend import Backend


class Deployer(Protocol):
    """Every verb may be repeated."""

    def deploy(self, model: str, version: str, package: Path) -> Backend:
        """Has a server of this version running; returns where it will listen."""

    def retire(self, backend: Backend) -> None:
        """Stops the server."""

    def deployed(self) -> set[str]:
        """Names (`Backend.cluster`) of all model servers there are."""
