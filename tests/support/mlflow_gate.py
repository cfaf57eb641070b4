"""A real MLflow behind its gate, in a process of its own, on SQLite. What reviewers ask for there is only written down."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import httpx
from tests.support.waiting import until

from jinsu import settings as configuration
from jinsu.errors import ForbiddenError
from jinsu.identity.people import Person
from jinsu.registry.mlflow import Mlflow
from jinsu.servers import mlflow as server
from jinsu.servers.mlflow_doors import Act
from jinsu.servers.mlflow_gate import Gate, gate
from jinsu.settings import Account, Settings
from jinsu.state.database import Database, engine
from jinsu.state.states import Role
from jinsu.state.tables import Base

PLATFORM = Account("admin", "only-for-tests")


class WrittenDown:
    """In place of the platform's parts: it writes down what was asked for, and refuses whoever reviews for no team."""

    def __init__(self, home: str) -> None:
        self._file = Path(home) / "deeds.jsonl"

    def do(self, act: Act, person: Person) -> None:
        if not any(role is not Role.RESEARCHER for role in person.teams.values()):
            raise ForbiddenError(f"{person.name} is no reviewer.")
        with self._file.open("a") as file:
            file.write(json.dumps({**asdict(act), "person": person.name}) + "\n")


def create_app() -> Gate:
    """What uvicorn serves in the process. Writes down every request that MLflow knows."""
    settings = configuration.load()
    app = gate(settings, WrittenDown(settings.home))
    (Path(settings.home) / "routes.json").write_text(json.dumps(_routes(app.inner)))
    return app


def _routes(mlflow: Any) -> list[tuple[str, str]]:
    """Method and path of everything that MLflow answers; `<…>` stands for a part of the path."""
    from mlflow.server import app

    found = {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    for route in mlflow.routes:
        found |= {(method, re.sub(r"{(.*?)}", r"<\1>", route.path)) for method in getattr(route, "methods", None) or ()}
    return sorted(found)


@dataclass(frozen=True)
class GatedMlflow:
    """A running MLflow. platform: a client with the platform's own account."""

    settings: Settings
    database: Database
    platform: Mlflow

    @property
    def url(self) -> str:
        return self.settings.mlflow_url

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of everything that this MLflow answers."""
        return [(method, path) for method, path in json.loads((Path(self.settings.home) / "routes.json").read_text())]

    def deeds(self) -> list[dict[str, Any]]:
        """What reviewers asked for, oldest first."""
        file = Path(self.settings.home) / "deeds.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def client(self, token: str | None = None, **arguments: Any) -> httpx.Client:
        """A client that shows a token, or nothing."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **arguments)


@contextmanager
def gated_mlflow(home: Path) -> Iterator[GatedMlflow]:
    """Starts a server in `home`, with an empty database of Jinsu's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    settings = _settings(home, f"http://127.0.0.1:{port}")
    settings.write()
    database = Database(settings.database_url)
    Base.metadata.create_all(engine(database.url))
    (home / "mlflow").mkdir()
    (home / "mlflow" / "auth.ini").write_text(server.authentication(settings))
    *before, _ = server.command("127.0.0.1", port)
    places = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    environment = {**os.environ, **server.environment(settings), "JINSU_HOME": str(home), "PYTHONPATH": places}
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen([*before, f"{__name__}:create_app"], env=environment, stdout=log, stderr=log)
    try:
        until(lambda: _answers(settings.mlflow_url), 120, lambda: (home / "server.log").read_text()[-2000:])
        yield GatedMlflow(settings, database, Mlflow(settings.mlflow_url, PLATFORM, timeout=60))
    finally:
        process.terminate()
        process.wait(60)


def _settings(home: Path, address: str) -> Settings:
    texts = {field.name: "" for field in fields(Settings) if field.type == "str"}
    given = {
        "home": str(home),
        "database_url": f"sqlite:///{home}/jinsu.db",
        "api_url": "http://127.0.0.1:1",
        "mlflow_url": address,
        "mlflow_database_url": f"sqlite:///{home}/mlflow/mlflow.db",
        "mlflow_secret": "x" * 32,
        "airflow": PLATFORM,
        "mlflow": PLATFORM,
        "xds_port": 0,
    }
    return Settings(**{**texts, **given})


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").is_success
    except httpx.TransportError:
        return False
