"""The API server of a real Airflow, configured as the platform's own and on SQLite, beside a database of Jinsu.

It has read the platform's DAGs. Nothing executes their tasks.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx
from tests.support.fake_airflow import SECRET
from tests.support.waiting import until

from jinsu.clients.airflow import Airflow
from jinsu.clients.dag_ids import DEFAULT_TEAM, dag_of
from jinsu.home import HOME_VARIABLE
from jinsu.servers import airflow as server
from jinsu.settings import Account, Settings
from jinsu.state.database import Database, engine
from jinsu.state.tables import Base

DAGS = Path(__file__).parents[2] / "dags"

# What the task `review` does when it asks a person: it waits, and its question is in the database.
ASK = """
import sys
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
with create_session() as session:
    task = session.query(TaskInstance).filter_by(dag_id=sys.argv[1], run_id=sys.argv[2], task_id=sys.argv[3]).one()
    task.state = "awaiting_input"
    options = ["Approve", "Reject", "Ask for changes"]
    session.add(HITLDetail(ti_id=task.id, options=options, subject="?", params={"reason": {"value": ""}}))
"""


@dataclass(frozen=True)
class RealAirflow:
    """database: Jinsu's. airflow: the platform's client. environment: that of Airflow's processes."""

    url: str
    settings: Settings
    database: Database
    airflow: Airflow
    environment: Mapping[str, str]

    def ask(self, dag_run: str, task: str, team: str = DEFAULT_TEAM) -> None:
        """Lets a task of the run ask a person."""
        self.python(ASK, dag_of(team), dag_run, task)

    def python(self, script: str, *arguments: str) -> str:
        """What a script prints that runs as one of Airflow's processes."""
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@contextmanager
def real_airflow(home: Path, catalog: Mapping[str, Any]) -> Iterator[RealAirflow]:
    """Starts the server in `home`, with `catalog` as the document of the trigger form's choices."""
    (home / "catalog.json").write_text(json.dumps(catalog))
    settings = _settings(home)
    settings.write()
    database = Database(settings.database_url)
    Base.metadata.create_all(engine(database.url))
    environment = {**os.environ, **server.environment(settings, DAGS), HOME_VARIABLE: settings.home}
    del environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"]  # SQLite's is Airflow's own to choose
    run = [sys.executable, "-m", "airflow"]
    for command in (["db", "migrate"], ["dags", "reserialize"]):
        subprocess.run([*run, *command], env=environment, check=True, capture_output=True)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen([*run, "api-server"], env=environment, stdout=log, stderr=log)
    url = settings.airflow_url
    try:
        until(lambda: _answers(url), 120, lambda: (home / "server.log").read_text()[-2000:])
        yield RealAirflow(url, settings, database, Airflow(url, SECRET, timeout=60), environment)
    finally:
        process.terminate()
        process.wait(60)


def _settings(home: Path) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    account = Account("nobody", "only-for-tests")
    given: dict[str, Any] = {field.name: "" for field in fields(Settings) if field.type == "str"}
    given |= {field.name: account for field in fields(Settings) if field.type == "Account"}
    given |= {name: f"http://{name.removesuffix('_url')}.test" for name in ("api_url", "endpoint_url", "mlflow_url")}
    given |= {"home": str(home), "xds_port": 0, "bind": "127.0.0.1", "airflow_url": address, "airflow_secret": SECRET}
    given |= {"database_url": f"sqlite:///{home}/jinsu.db", "airflow_database_url": f"sqlite:///{home}/airflow.db"}
    return Settings(**given)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/v2/version").is_success
    except httpx.TransportError:
        return False
