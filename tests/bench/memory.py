"""What the idle platform weighs, a row a process, beside the same servers started bare on the same machine.

One after the other, each alone: two copies at once would share pages and both look lighter.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil
from tests.bench.figure import Figure, Say, at_most, plain
from tests.bench.machine import (
    family,
    folder,
    free_ports,
    installation,
    memory,
    processor_seconds,
    programs,
    seconds_until,
    server,
)

from jinsu.clients.airflow import Airflow
from jinsu.gateway.bootstrap import Gateway, bootstrap
from jinsu.gateway.envoy import binary as envoy_binary
from jinsu.local import up as local
from jinsu.servers import postgres
from jinsu.servers.airflow import PARTS as AIRFLOW_PARTS

SETTLE_SECONDS, SAMPLES = 20.0, 5


@dataclass(frozen=True)
class Weight:
    """Memory in MB and processor time in percent of one core, by program."""

    memory: dict[str, float]
    processor: dict[str, float]


def measure(say: Say) -> list[Figure]:
    say("the platform")
    with installation(say):
        local.up(free_ports(), say)
        ours = _weigh(programs(), say)
    say("the same servers, bare")
    with folder() as place, _bare(place) as leaders:
        bare = _weigh(leaders, say)
    return [*_totals(ours, bare), *_rows("platform", ours), *_rows("bare", bare)]


def _totals(ours: Weight, bare: Weight) -> list[Figure]:
    how = (
        f"PSS of all processes {SETTLE_SECONDS:g} s after they answer, median of {SAMPLES} looks; bare: the same "
        "PostgreSQL, Airflow (LocalExecutor, parallelism 4), MLflow (basic-auth, 1 worker, no jobs) and Envoy with "
        "their default settings"
    )
    totals = sum(ours.memory.values()), sum(bare.memory.values())
    share = "Processor time of all processes while they idle, in percent of one core."
    return [
        at_most("memory: idle platform to bare servers", totals[0] / totals[1], "×", 1.1, f"{how}."),
        plain("memory: idle platform", totals[0], "MB", f"{how}."),
        plain("memory: bare servers", totals[1], "MB", f"{how}."),
        plain("processor: fresh platform", sum(ours.processor.values()), "%", share),
        plain("processor: bare servers", sum(bare.processor.values()), "%", share),
    ]


def _rows(kind: str, weight: Weight) -> list[Figure]:
    return [
        plain(
            f"memory: {kind}, {name}",
            megabytes,
            "MB",
            f"PSS of the program and its descendants, idle; it takes {weight.processor[name]:.1f} % of a core.",
        )
        for name, megabytes in sorted(weight.memory.items(), key=lambda item: -item[1])
    ]


def _weigh(leaders: dict[str, psutil.Process], say: Say) -> Weight:
    say(f"settling for {SETTLE_SECONDS:g} s")
    time.sleep(SETTLE_SECONDS / 2)
    before, begun = (
        {name: processor_seconds(family(name, leader)) for name, leader in leaders.items()},
        time.monotonic(),
    )
    time.sleep(SETTLE_SECONDS / 2)
    looks: list[dict[str, float]] = []
    for _ in range(SAMPLES):
        looks.append({name: memory(family(name, leader)) for name, leader in leaders.items()})
        time.sleep(1.0)
    after, took = (
        {name: processor_seconds(family(name, leader)) for name, leader in leaders.items()},
        time.monotonic() - begun,
    )
    return Weight(
        {name: median(look[name] for look in looks) for name in leaders},
        {name: 100 * (after[name] - before[name]) / took for name in leaders},
    )


@contextlib.contextmanager
def _bare(place: Path) -> Iterator[dict[str, psutil.Process]]:
    """The servers alone, each with its own defaults."""
    with contextlib.ExitStack() as stack:
        found: dict[str, psutil.Process] = {}

        def start(name: str, command: list[str], environment: dict[str, str]) -> None:
            process = stack.enter_context(server(command, environment, place / f"{name}.log"))
            found[name] = psutil.Process(process.pid)

        cluster, password = _database(place)
        start("postgres", _default(cluster.program().command), {})
        cluster.create_databases(password, ("airflow", "mlflow"))
        port = free_ports()
        airflow = _airflow(place, port, cluster.url("airflow", password, "psycopg2"))
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env={**os.environ, **airflow},
            check=True,
            capture_output=True,
        )
        for part in AIRFLOW_PARTS:
            start(f"airflow-{part}", [sys.executable, "-m", "airflow", part], airflow)
        start("mlflow", *_mlflow(place, port + 1, cluster.url("mlflow", password, "psycopg2")))
        (place / "envoy.json").write_text(
            json.dumps(bootstrap(Gateway(port + 2, port + 3, port + 4))), encoding="utf-8"
        )
        flags = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
        start("envoy", [str(envoy_binary()), "-c", str(place / "envoy.json"), *flags], {})
        seconds_until(Airflow(f"http://127.0.0.1:{port}", "").healthy, "bare Airflow", 180)
        seconds_until(lambda: _answers(f"http://127.0.0.1:{port + 1}/health"), "bare MLflow", 120)
        yield found


def _database(place: Path) -> tuple[postgres.Postgres, str]:
    password = secrets.token_urlsafe(16)
    runtime = place / "r"
    runtime.mkdir(mode=0o711)
    cluster = postgres.locate(place, runtime)
    cluster.initialise(password)
    return cluster, password


def _default(command: tuple[str, ...]) -> list[str]:
    """Our command without our tuning: only where it listens."""
    kept = list(command[: command.index("-c")])
    for setting in command[command.index("-c") + 1 :: 2]:
        if setting.startswith(("listen_addresses=", "unix_socket_")):
            kept += ["-c", setting]
    return kept


def _airflow(place: Path, port: int, database: str) -> dict[str, str]:
    (place / "dags").mkdir()
    url = f"http://127.0.0.1:{port}"
    sections: dict[str, dict[str, object]] = {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": 4,
            "load_examples": False,
            "dags_folder": place / "dags",
            "execution_api_server_url": f"{url}/execution/",
        },
        "database": {"sql_alchemy_conn": database},
        "api": {"host": "127.0.0.1", "port": port, "base_url": url, "secret_key": secrets.token_hex(16)},
        "api_auth": {"jwt_secret": secrets.token_urlsafe(64)},
    }
    settings = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
        for section, values in sections.items()
        for key, value in values.items()
    }
    # The two log servers would listen on fixed ports of every interface, and may find them taken.
    ports = {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "0", "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": "0"}
    return {"AIRFLOW_HOME": str(place / "airflow"), **settings, **ports}


def _mlflow(place: Path, port: int, database: str) -> tuple[list[str], dict[str, str]]:
    (place / "auth.ini").write_text(
        f"""[mlflow]
default_permission = READ
database_uri = sqlite:///{place}/auth.db
admin_username = admin
admin_password = {secrets.token_urlsafe(16)}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
""",
        encoding="utf-8",
    )
    binaries = Path(sys.executable).parent
    command = [str(binaries / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    options = ["--app-name", "basic-auth", "--backend-store-uri", database, "--artifacts-destination", str(place / "a")]
    environment = {
        "PATH": f"{binaries}:{os.environ.get('PATH', os.defpath)}",
        "MLFLOW_AUTH_CONFIG_PATH": str(place / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return [*command, *options], environment


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False
