"""MLflow's process."""

from __future__ import annotations

from pathlib import Path

from jinsu import settings as configuration
from jinsu.cluster.become import become
from jinsu.files import write_private
from jinsu.objects.s3 import S3Settings
from jinsu.servers import mlflow as server
from jinsu.settings import port_of


def start() -> None:
    """Writes the file of MLflow's accounts and becomes its server."""
    settings = configuration.load()
    write_private(Path(settings.home) / "mlflow" / "auth.ini", server.authentication(settings))
    store = _store(settings.object_store) if settings.object_store else {}
    command = server.command(settings.bind, str(port_of(settings.mlflow_url)))
    become(command, {**server.environment(settings), **store})


def _store(store: S3Settings) -> dict[str, str]:
    """Where MLflow finds the object store that holds its artifacts. The store's keys are in the pod's environment."""
    variables = {
        "AWS_DEFAULT_REGION": store.region,
        "MLFLOW_S3_ENDPOINT_URL": store.endpoint or "",
        "AWS_CA_BUNDLE": store.ca_file or "",
    }
    return {name: value for name, value in variables.items() if value}
