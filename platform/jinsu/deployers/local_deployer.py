"""Model servers as programs under the supervisor of one machine."""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.clients.supervisord import Program, Supervisor
from jinsu.gateway.backend import Backend


class LocalDeployer:
    """Model servers as supervised processes, each on a Unix socket that only this user can open."""

    def __init__(self, supervisor: Supervisor, runtime: Path) -> None:
        self._supervisor, self._sockets = supervisor, runtime / "m"
        self._sockets.mkdir(parents=True, exist_ok=True, mode=0o700)

    def deploy(self, model: str, version: str, package: Path) -> Backend:
        backend = Backend(model, version, str(self._sockets / f"{model}-v{version}"))
        command = (
            sys.executable,
            "-m",
            "jinsu.serving.server",
            str(package),
            "--name",
            model,
            "--version",
            version,
            "--socket",
            backend.address,
        )
        self._supervisor.add(Program(_program(backend.cluster), command, {"OMP_NUM_THREADS": "1"}))
        return backend

    def retire(self, backend: Backend) -> None:
        self._supervisor.remove(_program(backend.cluster))

    def deployed(self) -> set[str]:
        return {name.removeprefix("model-") for name in self._supervisor.names() if name.startswith("model-")}


def _program(cluster: str) -> str:
    return f"model-{cluster}"
