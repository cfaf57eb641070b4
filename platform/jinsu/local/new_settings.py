"""The settings of an installation on this machine: addresses, secrets and limits, drawn once at its first start."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from jinsu.confined.uv import index_named, links_named
from jinsu.servers import postgres
from jinsu.settings import PYPI, Account, Settings

DEFAULT_PORT = 7700
LISTENERS = ("API", "endpoint (Envoy)", "Airflow", "MLflow", "Envoy's administration", "discovery (gRPC)")
"""What listens on the six ports in a row, from the first one on."""


def new_settings(home: Path, runtime: Path, port: int) -> Settings:
    """Settings with fresh secrets. port: the first of six in a row."""
    server, password = postgres.locate(home, runtime), secrets.token_urlsafe(24)
    settings = Settings(
        home=str(home),
        runtime=str(runtime),
        database_url=server.url("jinsu", password),
        api_url="",
        endpoint_url="",
        airflow_url="",
        mlflow_url="",
        envoy_admin_url="",
        xds_port=0,
        airflow=Account("admin", secrets.token_urlsafe(12)),
        mlflow=Account("admin", secrets.token_urlsafe(12)),
        airflow_database_url=server.url("airflow", password, "psycopg2"),
        mlflow_database_url=server.url("mlflow", password, "psycopg2"),
        supervisor_password=secrets.token_urlsafe(24),
        airflow_secret=secrets.token_urlsafe(64),
        mlflow_secret=secrets.token_hex(32),
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        training_slots=max(1, (os.cpu_count() or 2) // 2),
        # A laptop's platform has one user; a cluster's values name the teams that may approve their own versions.
        teams_approving_themselves=("default",),
        max_gpus=_gpus(),
        python_index=index_named(os.environ, PYPI),
        python_links=links_named(os.environ),
    )
    return at_port(settings, port)


def at_port(settings: Settings, port: int) -> Settings:
    """The same installation on six ports in a row that begin with `port`. Pure."""
    api, endpoint, airflow, mlflow, envoy_admin, xds = range(port, port + len(LISTENERS))
    return replace(
        settings,
        api_url=_url(api),
        endpoint_url=_url(endpoint),
        airflow_url=_url(airflow),
        mlflow_url=_url(mlflow),
        envoy_admin_url=_url(envoy_admin),
        xds_port=xds,
    )


def runtime_folder(home: Path) -> Path:
    """Where the sockets of an installation are. The path is short, whatever the home's is: a socket's may have 107 bytes."""
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"jinsu-{os.geteuid()}-{digest}"


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _gpus() -> int:
    """How many NVIDIA GPUs this machine has."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
