"""The processes of one machine, as data. Pure."""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.clients.supervisord import Program
from jinsu.servers.airflow import PARTS
from jinsu.servers.mlflow import command as mlflow_command
from jinsu.settings import Settings


def environment_files(settings: Settings) -> Path:
    """Where secrets that a server takes from its environment are kept, mode 0600."""
    return Path(settings.home) / "run" / "environment"


def programs(settings: Settings, dags: Path, envoy: Path) -> list[Program]:
    """Everything but PostgreSQL and the model servers."""
    airflow = [
        _with_secrets(settings, f"airflow-{part}", "airflow", (sys.executable, "-m", "airflow", part, *_flags(part)))
        for part in PARTS
    ]
    port = settings.mlflow_url.rpartition(":")[2]
    mlflow = _with_secrets(settings, "mlflow", "mlflow", mlflow_command("127.0.0.1", port))
    home = {"JINSU_HOME": settings.home}
    api_port = settings.api_url.rpartition(":")[2]
    api = Program("api", (sys.executable, "-m", "jinsu.api.serve", "--port", api_port), home)
    controller = Program("controller", (sys.executable, "-m", "jinsu.local.controller"), home)
    gateway = Program(
        "envoy",
        (
            str(envoy),
            "-c",
            str(Path(settings.home) / "run" / "envoy.json"),
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warning",
        ),
    )
    return [mlflow, *airflow, api, controller, gateway]


def _flags(part: str) -> tuple[str, ...]:
    # Without it the scheduler and the triggerer serve their logs on every interface; the files are on this machine.
    return ("--skip-serve-logs",) if part in ("scheduler", "triggerer") else ()


def _with_secrets(settings: Settings, name: str, group: str, command: tuple[str, ...]) -> Program:
    file = environment_files(settings) / f"{group}.json"
    return Program(
        name,
        (sys.executable, "-m", "jinsu.local.launch", str(file), *command),
        {"JINSU_HOME": settings.home},
        settings.home,
    )
