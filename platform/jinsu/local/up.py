"""Brings the whole platform up on one machine, and down again."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx

from jinsu import settings as configuration
from jinsu.clients.supervisord import Supervisor
from jinsu.errors import BadInputError, ConflictError, TransientError
from jinsu.files import write_private
from jinsu.gateway.envoy import binary
from jinsu.installation import Installation
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.local.programs import environment_files, programs
from jinsu.runs.local_catalog import LocalCatalog
from jinsu.servers import airflow as airflow_server
from jinsu.servers import mlflow as mlflow_server
from jinsu.servers import postgres
from jinsu.servers.provision import Provision
from jinsu.settings import Account, Settings

DEFAULT_PORT = 7700
MIN_FREE_BYTES = 256 * 2**20
PORTS = {
    "API": 0,
    "endpoint (Envoy)": 1,
    "Airflow": 2,
    "MLflow": 3,
    "Envoy's administration": 4,
    "discovery (gRPC)": 5,
}
Say = Callable[[str], None]


def up(port: int | None, dags: Path, say: Say) -> Settings:
    """Starts everything and returns when it answers. A second call finds it running and changes nothing."""
    home = configuration.home()
    _make_home(home)
    with _only_one(home):
        settings = _settings(home, port)
        supervisor = _supervisor(settings)
        if supervisor.running() and healthy(settings):
            say("already running")
            return settings
        fresh = not supervisor.running()
        if fresh:
            _check_ports(settings)
        _check_space(home)
        try:
            _start(settings, supervisor, dags, say)
        except BaseException:
            if fresh:
                supervisor.stop()  # half a platform helps nobody
            raise
    return settings


def down(erase: bool, say: Say) -> None:
    """Stops everything that `up` started, and every step; trainings go on from their last checkpoint after the next
    `up`. With `erase`, removes all data too."""
    home = configuration.home()
    if (home / configuration.FILE_NAME).exists():
        settings = configuration.load()
        say("stopping servers")
        _supervisor(settings).stop()
        say("interrupting trainings")
        LocalLauncher(settings.steps).interrupt()
        shutil.rmtree(settings.runtime, ignore_errors=True)
    if erase:
        postgres.erase(home)
        shutil.rmtree(home, ignore_errors=True)


def healthy(settings: Settings) -> bool:
    """Whether every part answers."""
    from jinsu.clients.airflow import Airflow

    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    return all(
        (
            _answers(f"{settings.api_url}/health"),
            _answers(f"{settings.mlflow_url}/health"),
            airflow.healthy(),
            _envoy_ready(settings),
        )
    )


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        # PostgreSQL runs as another user when this one is root, and must be able to pass through.
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for part in ("run", "logs", "airflow", "mlflow"):
            (home / part).mkdir(exist_ok=True, mode=0o700)
        (home / "objects" / "steps").mkdir(parents=True, exist_ok=True)
        (home / "objects").chmod(0o700)
        probe = home / "run" / ".probe"
        probe.write_bytes(b"\0" * (1 << 20))
        probe.unlink()
    except OSError as problem:
        raise BadInputError(
            f"{home}: cannot be used: {problem.strerror}; free disk space, or set JINSU_HOME."
        ) from None


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with (home / "run" / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"{home}: another 'jinsu up' is at work; wait for it.") from None
        yield


def _settings(home: Path, port: int | None) -> Settings:
    if (home / configuration.FILE_NAME).exists():
        known = configuration.load()
        if port is None or known.api_url.endswith(f":{port}"):
            _make_runtime(Path(known.runtime))
            return known
        if _supervisor(known).running():
            raise ConflictError(f"{home}: runs on port {known.api_url.rpartition(':')[2]}; stop it first: jinsu down")
        moved = _addresses(known, port)
        moved.write()
        configuration.load.cache_clear()
        return moved
    made = _new_settings(home, port or DEFAULT_PORT)
    made.write()
    configuration.load.cache_clear()
    return made


def _addresses(known: Settings, port: int) -> Settings:
    return replace(
        known,
        api_url=f"http://127.0.0.1:{port}",
        endpoint_url=f"http://127.0.0.1:{port + 1}",
        airflow_url=f"http://127.0.0.1:{port + 2}",
        mlflow_url=f"http://127.0.0.1:{port + 3}",
        envoy_admin_url=f"http://127.0.0.1:{port + 4}",
        xds_port=port + 5,
    )


def _new_settings(home: Path, port: int) -> Settings:
    import base64

    # The sockets' paths must be short (107 bytes), whatever the home's is.
    runtime = Path(tempfile.gettempdir()) / f"jinsu-{os.geteuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:8]}"
    _make_runtime(runtime)
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
        mlflow_reviewer=Account("reviewer", secrets.token_urlsafe(12)),
        airflow_database_url=server.url("airflow", password, "psycopg2"),
        mlflow_database_url=server.url("mlflow", password, "psycopg2"),
        supervisor_password=secrets.token_urlsafe(24),
        airflow_secret=secrets.token_urlsafe(64),
        mlflow_secret=secrets.token_hex(32),
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        training_slots=max(1, (os.cpu_count() or 2) // 2),
        # Whoever runs the platform on a laptop is its only user; a cluster's values say otherwise.
        teams_approving_themselves=("default",),
        max_gpus=_gpus(),
    )
    return _addresses(settings, port)


def _gpus() -> int:
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _make_runtime(runtime: Path) -> None:
    runtime.mkdir(mode=0o711, exist_ok=True)
    status = runtime.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise ConflictError(f"{runtime}: belongs to somebody else; remove it, or set TMPDIR to a folder of yours.")


def _supervisor(settings: Settings) -> Supervisor:
    return Supervisor(Path(settings.home), Path(settings.runtime), settings.supervisor_password)


def _check_space(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < MIN_FREE_BYTES:
        raise BadInputError(
            f"{home}: {free >> 20} MiB of disk space are free, the platform needs {MIN_FREE_BYTES >> 20}; "
            "free disk space, or set JINSU_HOME."
        )


def _check_ports(settings: Settings) -> None:
    base = int(settings.api_url.rpartition(":")[2])
    for purpose, offset in PORTS.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", base + offset))
            except OSError:
                raise ConflictError(
                    f"port {base + offset} for {purpose} is taken{_holder(base + offset)}; "
                    f"stop that program, or choose other ports: jinsu up --port {base + 100}"
                ) from None


def _holder(port: int) -> str:
    import psutil

    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def _start(settings: Settings, supervisor: Supervisor, dags: Path, say: Say) -> None:
    say("starting PostgreSQL")
    server = postgres.locate(Path(settings.home), Path(settings.runtime))
    password = settings.database_url.partition("://jinsu:")[2].partition("@")[0]
    server.initialise(password)
    _write_configurations(settings, dags)
    supervisor.launch()
    supervisor.add(server.program())
    server.create_databases(password, ("airflow", "mlflow", "jinsu"))
    say("preparing databases")
    everything = {program.name: program for program in programs(settings, dags, binary())}
    with ThreadPoolExecutor(3) as pool:
        migrated = pool.submit(_migrate_airflow, settings, dags)
        pool.submit(supervisor.add, everything.pop("mlflow")).result()
        _migrate_jinsu(settings)
        migrated.result()
    say("starting Airflow, MLflow, the API and Envoy")
    for program in everything.values():
        supervisor.add(program)
    _wait(settings, supervisor, say)
    Installation(settings).build(Provision).run(dags.parent / "examples")
    say("ready")


def _write_configurations(settings: Settings, dags: Path) -> None:
    from jinsu.gateway.topology import Gateway, bootstrap

    home = Path(settings.home)
    write_private(
        environment_files(settings) / "airflow.json",
        json.dumps({**airflow_server.environment(settings, dags), "JINSU_HOME": settings.home}),
    )
    write_private(environment_files(settings) / "mlflow.json", json.dumps(mlflow_server.environment(settings)))
    write_private(home / "mlflow" / "auth.ini", mlflow_server.authentication(settings))
    write_private(home / "airflow" / "passwords.json", json.dumps(airflow_server.passwords(settings)))
    ports = [int(url.rpartition(":")[2]) for url in (settings.endpoint_url, settings.envoy_admin_url)]
    write_private(home / "run" / "envoy.json", json.dumps(bootstrap(Gateway(ports[0], ports[1], settings.xds_port))))
    LocalCatalog(settings.catalog).create()


def _migrate_airflow(settings: Settings, dags: Path) -> None:
    from importlib.metadata import version

    stamp = Path(settings.home) / "airflow" / "migrated"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == version("apache-airflow"):
        return
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    environment = {**os.environ, **airflow_server.environment(settings, dags)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TransientError(f"Airflow's database could not be prepared: {done.stderr.strip()[-600:]}")
    stamp.write_text(version("apache-airflow"), encoding="utf-8")


def _migrate_jinsu(settings: Settings) -> None:
    from jinsu.identity.people import Role, create_user
    from jinsu.state.database import Database

    database = Database(settings.database_url)
    database.migrate()
    tokens = Path(settings.home) / "tokens"
    for name, role in ((getpass.getuser(), Role.ADMIN), ("reviewer", Role.REVIEWER)):
        if not (tokens / name).exists():
            write_private(tokens / name, create_user(database, name, role))
    if not (Path(settings.home) / "token").exists():
        (Path(settings.home) / "token").symlink_to(tokens / getpass.getuser())


def _wait(settings: Settings, supervisor: Supervisor, say: Say, patience: float = 180.0) -> None:
    from jinsu.clients.airflow import Airflow

    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    checks: dict[str, Callable[[], bool]] = {
        "MLflow": lambda: _answers(f"{settings.mlflow_url}/health"),
        "the API": lambda: _answers(f"{settings.api_url}/health"),
        "Envoy": lambda: _envoy_ready(settings),
        "Airflow": airflow.healthy,
        "the lifecycle DAG": airflow.ready,
    }
    deadline, said = time.monotonic() + patience, ""
    while checks:
        for name in [name for name, check in checks.items() if check()]:
            del checks[name]
        waiting = "waiting for " + ", ".join(checks)
        if checks and waiting != said:
            say(waiting)
            said = waiting
        dead = [name for name, state in supervisor.names().items() if state == "FATAL"]
        if dead or time.monotonic() > deadline:
            named = ", ".join(dead) or ", ".join(checks)
            raise TransientError(
                f"{named} did not start; see the files in {settings.home}/logs, then try again: jinsu up"
            )
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).is_success
    except httpx.TransportError:
        return False


def _envoy_ready(settings: Settings) -> bool:
    return _answers(f"{settings.envoy_admin_url}/ready")
