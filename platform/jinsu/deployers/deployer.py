"""What every deployer of model servers offers: one server a version."""

from __future__ import annotations

from typing import Protocol

from jinsu.gateway.backend import Backend


class Deployer(Protocol):
    """Runs model servers. Every method may be called again with the same arguments."""

    def deploy(self, model: str, version: str, run_key: str) -> Backend:
        """Has a server of this version running; returns it with the address where it will listen.

        run_key: of the package step whose output the server answers from.
        """

    def retire(self, backend: Backend) -> None:
        """Stops the server."""

    def deployed(self) -> set[str]:
        """Names (`Backend.name`) of all model servers there are."""
