"""The model servers that the release loop has had deployed, and until when each of them is needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from jinsu.deployers.deployer import Deployer
from jinsu.gateway.backend import Backend
from jinsu.registry.candidates import sealed_package
from jinsu.state.database import Database

log = logging.getLogger("jinsu.release")

LINGER_SECONDS = 6.0
"""For how long a server goes on after the last route has named it: requests that are on their way to it still end."""
_GRACE_SECONDS = 1.0
"""For how long a server goes on after the gateway was no longer shown it."""


class ModelServers:
    """Deploys and retires through the deployer; all times are of the monotonic clock."""

    def __init__(self, database: Database, deployer: Deployer) -> None:
        self._database, self._deployer = database, deployer
        self._deployed: dict[str, Backend] = {}
        self._needed: dict[str, tuple[Backend, float]] = {}

    def deploy(self, model: str, version: str) -> Backend | None:
        """Has a server of this version running; None, and a line in the log, when Jinsu did not register the version."""
        with self._database.begin() as session:
            package = sealed_package(session, model, version)
        if package is None:
            log.error("%s v%s: its package is not known; it cannot be deployed", model, version)
            return None
        backend = self._deployer.deploy(model, version, package)
        self._deployed[backend.name] = backend
        self.need(
            [backend], LINGER_SECONDS
        )  # also one that no route names: a first version is routed when it is promoted
        return backend

    def find(self, model: str, version: str | None) -> Backend | None:
        """The server of this version, if it was deployed."""
        return None if version is None else self._deployed.get(Backend(model, version).name)

    def adopt(self, seconds: float) -> set[str]:
        """Takes over the servers that a predecessor left running, and needs each for so long; returns their names."""
        running = self._deployer.deployed()
        for name in running:
            try:
                backend = Backend.parse(name)
            except ValueError as problem:
                log.error("a model server that Jinsu did not deploy is left alone: %s", problem)
                continue
            deployed = self.deploy(backend.model, backend.version)
            if deployed is not None:
                self.need([deployed], seconds)
        return running

    def need(self, backends: Iterable[Backend], seconds: float) -> None:
        """Keeps these servers for so long from now on, or for as long as was said before."""
        until = time.monotonic() + seconds
        for backend in backends:
            before = self._needed.get(backend.name, (backend, until))[1]
            self._needed[backend.name] = (backend, max(before, until))

    def needed(self) -> list[Backend]:
        """The servers that the gateway must go on to know."""
        now = time.monotonic()
        return [backend for backend, until in self._needed.values() if until > now]

    def names(self) -> set[str]:
        """Names of the servers that are needed, or were a moment ago."""
        return set(self._needed)

    def retire(self, begun: float) -> None:
        """Stops the servers that have not been needed for a while. begun: when the pass that says which ones it needs
        began: a process that was paused since knows of no server that its time is over.

        Raises SupersededError when another controller has begun: the servers are that one's.
        """
        latest = begun - _GRACE_SECONDS
        for backend in [backend for backend, until in self._needed.values() if until < latest]:
            with self._database.begin():
                del self._needed[backend.name]
            self._deployed.pop(backend.name, None)
            self._deployer.retire(backend)
