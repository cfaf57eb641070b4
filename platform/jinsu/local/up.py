"""Brings the whole platform up on one machine, and down again: the order of things."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from jinsu import settings as configuration
from jinsu.clients.supervisord import Supervisor
from jinsu.errors import ConflictError
from jinsu.gateway.envoy import binary
from jinsu.home import SETTINGS_NAME, find_home
from jinsu.installation import Installation
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.local.health import healthy, wait_until_healthy
from jinsu.local.migrate import migrate_airflow, migrate_jinsu
from jinsu.local.new_settings import DEFAULT_PORT, at_port, new_settings, runtime_folder
from jinsu.local.preflight import check_ports, check_space, make_home, make_runtime, only_one
from jinsu.local.programs import programs
from jinsu.local.server_files import write_server_files
from jinsu.local.supervisor import supervisor_of
from jinsu.resources import dags, examples
from jinsu.servers import postgres
from jinsu.servers.provision import Provision
from jinsu.settings import Settings, port_of

Say = Callable[[str], None]


def up(port: int | None, say: Say) -> Settings:
    """Starts everything and returns when it answers. A second call finds it running and changes nothing."""
    home = find_home()
    make_home(home)
    with only_one(home):
        settings = _settings(home, port)
        supervisor = supervisor_of(settings)
        if supervisor.running() and healthy(settings):
            say("already running")
            return settings
        fresh = not supervisor.running()
        if fresh:
            check_ports(settings)
        check_space(home)
        try:
            _start(settings, supervisor, say)
        except BaseException:
            if fresh:
                supervisor.stop()  # nothing of a failed start keeps running
            raise
    return settings


def down(erase: bool, say: Say) -> None:
    """Stops everything that `up` started, and every step; trainings go on from their last checkpoint after the next
    `up`. With `erase`, removes all data too."""
    home = find_home()
    if (home / SETTINGS_NAME).exists():
        settings = configuration.load()
        say("stopping servers")
        supervisor_of(settings).stop()
        say("interrupting trainings")
        LocalLauncher(settings.steps).interrupt()
        shutil.rmtree(settings.runtime, ignore_errors=True)
    if erase:
        postgres.erase(home)
        shutil.rmtree(home, ignore_errors=True)


def _settings(home: Path, port: int | None) -> Settings:
    """The settings of this home: as they are, moved to another port while nothing runs, or new ones."""
    if not (home / SETTINGS_NAME).exists():
        runtime = runtime_folder(home)
        make_runtime(runtime)
        return _written(new_settings(home, runtime, port or DEFAULT_PORT))
    settings = configuration.load()
    current = port_of(settings.api_url)
    if port in (None, current):
        make_runtime(Path(settings.runtime))
        return settings
    if supervisor_of(settings).running():
        raise ConflictError(f"{home}: runs on port {current}; stop it first: jinsu down")
    return _written(at_port(settings, port))


def _written(settings: Settings) -> Settings:
    settings.write()
    configuration.load.cache_clear()
    return settings


def _start(settings: Settings, supervisor: Supervisor, say: Say) -> None:
    say("starting PostgreSQL")
    server = postgres.locate(Path(settings.home), Path(settings.runtime))
    password = urlsplit(settings.database_url).password or ""
    server.initialise(password)
    folder = dags()
    write_server_files(settings, folder)
    supervisor.launch()
    supervisor.add(server.program())
    server.create_databases(password, ("airflow", "mlflow", "jinsu"))
    say("preparing databases")
    everything = {program.name: program for program in programs(settings, binary())}
    with ThreadPoolExecutor(3) as pool:
        migrated = pool.submit(migrate_airflow, settings, folder)
        pool.submit(supervisor.add, everything.pop("mlflow")).result()
        migrate_jinsu(settings)
        migrated.result()
    say("starting Airflow, MLflow, the API and Envoy")
    for program in everything.values():
        supervisor.add(program)
    wait_until_healthy(settings, supervisor, say)
    Installation(settings).build(Provision).run(examples())
    say("ready")
