"""`helm test`: every part answers, and nothing answers a stranger."""

from __future__ import annotations

import sys

import httpx

from jinsu import settings as configuration
from jinsu.clients.airflow import Airflow
from jinsu.settings import Settings


def check() -> None:
    settings = configuration.load()
    failed = False
    for name, passed in _checks(settings):
        print(f"{'ok' if passed else 'NOT OK':8}{name}", flush=True)
        failed |= not passed
    sys.exit(failed)


def _checks(settings: Settings) -> list[tuple[str, bool]]:
    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    cluster = settings.kubernetes
    assert cluster is not None
    return [
        ("the API answers", _status(f"{settings.api_url}/health") == 200),
        ("the API asks who you are", _status(f"{settings.api_url}/v1/runs") == 401),
        ("MLflow answers", _status(f"{settings.mlflow_url}/health") == 200),
        (
            "MLflow asks who you are",
            _status(f"{settings.mlflow_url}/api/2.0/mlflow/experiments/get?experiment_id=0") == 401,
        ),
        ("Airflow's parts live", airflow.healthy()),
        ("Airflow asks who you are", _status(f"{settings.airflow_url}/api/v2/dags") == 401),
        ("the lifecycle can be triggered", airflow.ready()),
        ("the endpoint asks who you are", _status(f"{settings.endpoint_url}/models/any/invocations") == 401),
        ("Envoy's statistics ask who you are", _status(f"http://{cluster.gateways}/stats/prometheus") == 404),
    ]


def _status(url: str) -> int:
    try:
        return httpx.get(url, timeout=10.0).status_code
    except httpx.TransportError:
        return 0
