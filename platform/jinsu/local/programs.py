"""The processes of one machine, as data. Pure."""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.clients.supervisord import Program
from jinsu.home import HOME_VARIABLE
from jinsu.servers.airflow import PARTS
from jinsu.servers.mlflow import command as mlflow_command
from jinsu.settings import Settings, port_of

_ENVOY_OPTIONS = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")


def environment_files(settings: Settings) -> Path:
    """The folder of the files, mode 0600, from which `jinsu.local.launch` reads the secrets in a server's environment."""
    return Path(settings.home) / "run" / "environment"


def programs(settings: Settings, envoy: Path) -> list[Program]:
    """Every program but PostgreSQL and the model servers. envoy: path of its executable."""
    home = {HOME_VARIABLE: settings.home}
    return [
        _with_secrets(settings, "mlflow", "mlflow", mlflow_command("127.0.0.1", str(port_of(settings.mlflow_url)))),
        *(_with_secrets(settings, f"airflow-{part}", "airflow", _airflow(part)) for part in PARTS),
        Program("api", _module("jinsu.api.serve", "--port", str(port_of(settings.api_url))), home),
        Program("controller", _module("jinsu.local.controller"), home),
        Program("envoy", (str(envoy), "-c", str(Path(settings.home) / "run" / "envoy.json"), *_ENVOY_OPTIONS)),
    ]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _airflow(part: str) -> tuple[str, ...]:
    # These two would serve their logs on every interface; on one machine the API server reads the files.
    flags = ("--skip-serve-logs",) if part in ("scheduler", "triggerer") else ()
    return _module("airflow", part, *flags)


def _with_secrets(settings: Settings, name: str, server: str, command: tuple[str, ...]) -> Program:
    """A program that gets the environment file of `server`, and works in the home."""
    file = environment_files(settings) / f"{server}.json"
    launched = _module("jinsu.local.launch", str(file), *command)
    return Program(name, launched, {HOME_VARIABLE: settings.home}, settings.home)
