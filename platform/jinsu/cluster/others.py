"""Servers of others: Airflow, MLflow, Envoy, and the object store for trials."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from jinsu import settings as configuration
from jinsu.cluster.__main__ import become
from jinsu.errors import BadInputError
from jinsu.files import write_private
from jinsu.gateway.topology import Gateway, bootstrap
from jinsu.settings import Settings

DAGS = Path(__file__).parents[3] / "dags"
# What a pod can spare more easily than a laptop: fewer questions to the database while nothing happens.
_AIRFLOW = {
    "AIRFLOW__CORE__PARALLELISM": "16",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "airflow.utils.net.get_host_ip_address",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
}


def airflow(part: str) -> None:
    """One part of Airflow. `part` is `api-server`, `scheduler`, `dag-processor` or `triggerer`."""
    settings = configuration.load()
    become((sys.executable, "-m", "airflow", part), airflow_environment(settings))


def airflow_environment(settings: Settings) -> dict[str, str]:
    from jinsu.servers import airflow as server

    write_private(Path(settings.home) / "airflow" / "passwords.json", json.dumps(server.passwords(settings)))
    return {**server.environment(settings, DAGS), **_AIRFLOW, "PATH": os.environ["PATH"]}


def mlflow() -> None:
    from jinsu.servers import mlflow as server

    settings = configuration.load()
    write_private(Path(settings.home) / "mlflow" / "auth.ini", server.authentication(settings))
    command = server.command(settings.bind, settings.mlflow_url.rpartition(":")[2])
    become(command, {**server.environment(settings), **_store_environment(settings)})


def _store_environment(settings: Settings) -> dict[str, str]:
    """Where MLflow finds the object store that it keeps artifacts in; its keys are in the pod's environment."""
    store = settings.object_store
    if store is None:
        return {}
    found = {"AWS_DEFAULT_REGION": store.region}
    if store.endpoint:
        found["MLFLOW_S3_ENDPOINT_URL"] = store.endpoint
    if store.ca_file:
        found["AWS_CA_BUNDLE"] = store.ca_file
    return found


def gateway(path: str) -> None:
    """Writes Envoy's first configuration; its keys come from the environment, so that no ConfigMap holds them."""
    settings = json.loads(os.environ["JINSU_GATEWAY"])
    clients = _clients(os.environ)
    if not clients:
        raise BadInputError(
            "the gateway has no JINSU_ENDPOINT_KEY_…: everybody could ask the models; see gateway.clients."
        )
    made = Gateway(**settings, key=os.environ["JINSU_GATEWAY_KEY"], clients=clients)
    write_private(Path(path), json.dumps(bootstrap(made)))


def _clients(environment: os._Environ[str]) -> dict[str, str]:
    prefix = "JINSU_ENDPOINT_KEY_"
    return {name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)}


def store() -> None:
    """The object store for trials: one server, one disk, no copies."""
    keys = {
        "NANIO_ACCESS_KEY": os.environ["AWS_ACCESS_KEY_ID"],
        "NANIO_SECRET_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    folder = Path(os.environ["JINSU_STORE_FOLDER"])
    (folder / os.environ["JINSU_STORE_BUCKET"]).mkdir(parents=True, exist_ok=True)
    place = ("--data-dir", str(folder), "--host", "0.0.0.0", "--port", "9000")  # noqa: S104  # it asks for its keys
    become((sys.executable, "-m", "nanio", "serve", *place), keys)
