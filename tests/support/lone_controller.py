"""A controller process of its own, for model servers that run already: `python -m tests.support.lone_controller SETTINGS`.

SETTINGS: a JSON file with the fields of `Settings`, and `servers`: the socket of each backend by its name.
"""

import asyncio
import json
import logging
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from jinsu.controller.process import Keys, begin, control
from jinsu.gateway.backend import Backend
from jinsu.gateway.statistics import Envoys
from jinsu.settings import Account, Settings


@dataclass(frozen=True)
class RunningServers:
    """A deployer of servers that somebody else starts; it writes down which ones it was asked to end."""

    sockets: dict[str, str]
    ended: Path

    def deploy(self, model: str, version: str, run_key: str) -> Backend:
        named = Backend(model, version)
        return named.at(self.sockets[named.name])

    def retire(self, backend: Backend) -> None:
        with self.ended.open("a") as file:
            file.write(f"{backend.name}\n")

    def deployed(self) -> set[str]:
        return set(self.sockets)


def main(path: Path) -> None:
    given = json.loads(path.read_text())
    sockets, account = given.pop("servers"), Account("nobody", "nothing")
    texts = {field.name: "" for field in fields(Settings) if field.type == "str"}
    settings = Settings(**{**texts, "airflow": account, "mlflow": account, **given})
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    deployer = RunningServers(sockets, path.with_suffix(".ended"))
    address = f"127.0.0.1:{settings.xds_port}"
    asyncio.run(control(begin(settings), deployer, Envoys(settings.envoy_admin_url), address, Keys()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
