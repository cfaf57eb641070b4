"""The files that the servers read when they start: their environments and configurations."""

from __future__ import annotations

import json
from pathlib import Path

from jinsu.files import write_private
from jinsu.gateway.bootstrap import Gateway, bootstrap
from jinsu.home import HOME_VARIABLE
from jinsu.local.programs import environment_files
from jinsu.runs.local_catalog import LocalCatalog
from jinsu.servers import airflow, mlflow
from jinsu.settings import Settings, port_of


def write_server_files(settings: Settings, dags: Path) -> None:
    """Writes every file anew, for its owner alone; the names for the trigger form are kept when there are some."""
    home = Path(settings.home)
    airflow_environment = {**airflow.environment(settings, dags), HOME_VARIABLE: settings.home}
    write_private(environment_files(settings) / "airflow.json", json.dumps(airflow_environment))
    write_private(environment_files(settings) / "mlflow.json", json.dumps(mlflow.environment(settings)))
    write_private(home / "mlflow" / "auth.ini", mlflow.authentication(settings))
    gateway = Gateway(port_of(settings.endpoint_url), port_of(settings.envoy_admin_url), settings.xds_port)
    write_private(home / "run" / "envoy.json", json.dumps(bootstrap(gateway)))
    LocalCatalog(settings.catalog).create()
