"""`helm test`: every part answers, and no part answers a request without a token or a key."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import httpx

from jinsu import settings as configuration
from jinsu.clients.airflow import Airflow
from jinsu.settings import Settings


@dataclass(frozen=True)
class _Check:
    """One statement about the installation, and whether it holds."""

    statement: str
    holds: bool


def start() -> None:
    """Prints every check, and ends with exit code 1 when one does not hold."""
    checks = _checks(configuration.load())
    for check in checks:
        print(f"{'ok' if check.holds else 'NOT OK':8}{check.statement}", flush=True)
    sys.exit(not all(check.holds for check in checks))


def _checks(settings: Settings) -> list[_Check]:
    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    statistics = f"http://{settings.on_kubernetes.gateways}/stats/prometheus"
    experiment = f"{settings.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0"
    invocations = f"{settings.endpoint_url}/models/any/invocations"
    return [
        _Check("the API answers", _status(f"{settings.api_url}/health") == 200),
        _Check("the API asks who you are", _status(f"{settings.api_url}/v1/runs") == 401),
        _Check("MLflow answers", _status(f"{settings.mlflow_url}/health") == 200),
        _Check("MLflow asks who you are", _status(experiment) == 401),
        _Check("Airflow's parts live", airflow.healthy()),
        _Check("Airflow asks who you are", _status(f"{settings.airflow_url}/api/v2/dags") == 401),
        _Check("the lifecycle can be triggered", airflow.ready()),
        _Check("the endpoint asks who you are", _status(invocations) == 401),
        _Check("Envoy's statistics ask who you are", _status(statistics) == 404),
    ]


def _status(url: str) -> int:
    """The HTTP status of a GET, or 0 when nothing answers."""
    try:
        return httpx.get(url, timeout=10.0).status_code
    except httpx.TransportError:
        return 0
