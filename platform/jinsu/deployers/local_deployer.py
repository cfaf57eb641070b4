"""Model servers as programs under the supervisor of one machine."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event, Thread

from jinsu.clients.supervisord import Program, Supervisor
from jinsu.deployers.server_command import server_arguments
from jinsu.deployers.server_probe import ServerProbe
from jinsu.deployers.stuck_servers import StuckServers
from jinsu.gateway.backend import Backend
from jinsu.packaging.contents import SealedPackage
from jinsu.sdk.step_files import StepFiles

_PREFIX = "model-"
_GRPC = ".g"  # short, as the paths of sockets are; no backend's name ends so


class LocalDeployer:
    """Model servers as supervised processes, each on two Unix sockets that only this user can open: for HTTP and for gRPC.

    runtime: folder with a short path, for the sockets. steps: folder in which every step has one named by its run key.
    """

    def __init__(self, supervisor: Supervisor, runtime: Path, steps: Path) -> None:
        self._supervisor, self._sockets, self._steps = supervisor, runtime / "m", steps
        self._sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._backends: dict[str, Backend] = {}

    def watch(self) -> Event:
        """Replaces servers that hang, in a thread of its own, until the returned event is set."""
        over = Event()
        stuck = StuckServers(lambda: dict(self._backends), self._supervisor.processes, ServerProbe())
        Thread(target=stuck.run, args=(over,), name="stuck-servers", daemon=True).start()
        return over

    def deploy(self, model: str, version: str, package: SealedPackage) -> Backend:
        named = Backend(model, version)
        backend = named.at(str(self._sockets / named.name), str(self._sockets / f"{named.name}{_GRPC}"))
        command = (
            sys.executable,
            "-m",
            "jinsu.serving.server",
            str(StepFiles(self._steps / package.run_key).out),
            *server_arguments(named, package),
            "--socket",
            backend.address,
            "--grpc",
            f"unix:{backend.grpc}",
        )
        self._backends[_PREFIX + backend.name] = backend
        self._supervisor.add(Program(_PREFIX + backend.name, command, {"OMP_NUM_THREADS": "1"}))
        return backend

    def retire(self, backend: Backend) -> None:
        self._backends.pop(_PREFIX + backend.name, None)
        self._supervisor.remove(_PREFIX + backend.name)

    def deployed(self) -> set[str]:
        return {name.removeprefix(_PREFIX) for name in self._supervisor.names() if name.startswith(_PREFIX)}
