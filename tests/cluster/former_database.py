"""A PostgreSQL server in the test cluster that holds the databases of an installation of version 0.1."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubernetes import client
from tests.chart.helm import kubectl
from tests.support.former_version import Dump, load_former
from tests.support.ports import free_ports, listens
from tests.support.postgres import execute
from tests.support.waiting import until

NAMESPACE, NAME, PORT = "jinsu-former", "postgres", 5432
HOST = f"{NAME}.{NAMESPACE}.svc"
USER = "jinsu"
_CONFINED = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@contextlib.contextmanager
def former_database(core: client.CoreV1Api, kubeconfig: Path, image: str) -> Iterator[str]:
    """The password of the server's account; afterwards the namespace is gone. image: the platform's, which holds PostgreSQL."""
    password = secrets.token_hex(16)
    try:
        core.create_namespace({"metadata": {"name": NAMESPACE}})
        core.create_namespaced_service(NAMESPACE, _service())
        core.create_namespaced_pod(NAMESPACE, _pod(image, password))
        until(lambda: _ready(core), 60, lambda: f"the database: {core.read_namespaced_pod(NAME, NAMESPACE).status}")
        with _forwarded(kubeconfig) as port:
            address = f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}"
            for dump in Dump:
                execute(f"{address}/postgres", f"CREATE DATABASE {dump}")
                load_former(f"{address}/{dump}", dump)
        yield password
    finally:
        with contextlib.suppress(client.ApiException):
            core.delete_namespace(NAMESPACE)


def _service() -> dict[str, Any]:
    return {"metadata": {"name": NAME}, "spec": {"selector": {"app": NAME}, "ports": [{"port": PORT}]}}


def _pod(image: str, password: str) -> dict[str, Any]:
    variables = {"JINSU_DATABASE_FOLDER": "/data", "JINSU_DATABASE_PASSWORD": password}
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "jinsu.cluster", "database"],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "securityContext": _CONFINED,
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "metadata": {"name": NAME, "labels": {"app": NAME}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"fsGroup": 10001},
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }


@contextlib.contextmanager
def _forwarded(kubeconfig: Path) -> Iterator[int]:
    """A port of this machine that leads to the server."""
    port = free_ports(1)
    forward = subprocess.Popen(
        [str(kubectl()), "-n", NAMESPACE, "port-forward", f"pod/{NAME}", f"{port}:{PORT}"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: listens(port), 20, "the way to the database")
        yield port
    finally:
        os.killpg(forward.pid, signal.SIGKILL)
        forward.wait()


def _ready(core: client.CoreV1Api) -> bool:
    states = core.read_namespaced_pod(NAME, NAMESPACE).status.container_statuses
    return bool(states and states[0].ready)
