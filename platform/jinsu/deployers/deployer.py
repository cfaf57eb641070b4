"""What every deployer of model servers offers: one server a version."""

from __future__ import annotations

from typing import Protocol

from jinsu.gateway.backend import Backend
from jinsu.packaging.contents import SealedPackage


class Deployer(Protocol):
    """Runs model servers. Every method may be called again with the same arguments."""

    def deploy(self, model: str, version: str, package: SealedPackage) -> Backend:
        """Has a server of this version running; returns it with the address where it will listen.

        package: what the server answers from, after it has compared the digest of the files.
        """

    def retire(self, backend: Backend) -> None:
        """Stops the server."""

    def deployed(self) -> set[str]:
        """Names (`Backend.name`) of all model servers there are."""
