"""Whether the parts of an installation answer, and waiting until they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import httpx

from jinsu.clients.airflow import Airflow
from jinsu.clients.supervisord import Supervisor
from jinsu.errors import TransientError
from jinsu.registry.mlflow import Mlflow
from jinsu.settings import Settings

_PATIENCE = 180.0


def healthy(settings: Settings) -> bool:
    """Whether every part answers now."""
    return all(answers() for answers in _checks(settings).values())


def wait_until_healthy(settings: Settings, supervisor: Supervisor, say: Callable[[str], None]) -> None:
    """Returns once every part answers and Airflow has read the lifecycle.

    Raises TransientError when a program ended for good, or when a part does not answer within three minutes.
    """
    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    missing = {**_checks(settings), "the lifecycle DAG": airflow.ready}
    deadline, shown = time.monotonic() + _PATIENCE, ""
    while True:
        missing = {name: answers for name, answers in missing.items() if not answers()}
        dead = [name for name, state in supervisor.names().items() if state == "FATAL"]
        if dead or (missing and time.monotonic() > deadline):
            named = ", ".join(dead or missing)
            raise TransientError(
                f"{named} did not start; see the files in {settings.home}/logs, then try again: jinsu up"
            )
        if not missing:
            return
        waiting = "waiting for " + ", ".join(missing)
        if waiting != shown:
            say(waiting)
            shown = waiting
        time.sleep(0.1)


def _checks(settings: Settings) -> Mapping[str, Callable[[], bool]]:
    """Whether a part answers, by the part's name."""
    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    return {
        "MLflow": Mlflow(settings.mlflow_url, settings.mlflow).ready,
        "the API": lambda: _succeeds(f"{settings.api_url}/health"),
        "Envoy": lambda: _succeeds(f"{settings.envoy_admin_url}/ready"),
        "Airflow": airflow.healthy,
    }


def _succeeds(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).is_success
    except httpx.TransportError:
        return False
