"""Brings every schema up to date, and lets the other pods wait for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from jinsu import settings as configuration
from jinsu.cluster.others import airflow_environment
from jinsu.errors import TransientError
from jinsu.identity.people import Role, ensure_user
from jinsu.settings import Settings
from jinsu.state.database import Database

_PATIENCE = 600.0


def migrate() -> None:
    """Airflow's, MLflow's and, last, Jinsu's schema: who sees the last one current may start. Safe to repeat."""
    settings = configuration.load()
    for url in (settings.database_url, settings.airflow_database_url, settings.mlflow_database_url):
        _have_database(url)
    _run("Airflow", [sys.executable, "-m", "airflow", "db", "migrate"], airflow_environment(settings))
    _run("MLflow", [sys.executable, "-m", "mlflow", "db", "upgrade", settings.mlflow_database_url], {})
    database = Database(settings.database_url)
    database.migrate()
    ensure_user(database, "admin", Role.ADMIN, os.environ["JINSU_ADMIN_TOKEN"])


def wait() -> None:
    """Returns once this version's schema is there."""
    settings = configuration.load()
    deadline = time.monotonic() + _PATIENCE
    while not _current(settings):
        if time.monotonic() > deadline:
            raise TransientError(
                f"the database was not migrated within {_PATIENCE:g} s; see the logs of Job 'migrate'."
            )
        time.sleep(1)


def _current(settings: Settings) -> bool:
    try:
        return Database(settings.database_url).current()
    except SQLAlchemyError:
        return False


def _have_database(url: str) -> None:
    """Waits for the server, and creates the database where this account may; elsewhere it must be there."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with create_engine(url).connect():
                return
        except SQLAlchemyError as problem:
            if "does not exist" in str(problem) and _create(url):
                continue
            if time.monotonic() > deadline:
                raise TransientError(f"the database does not answer: {problem}") from problem
            time.sleep(1)


def _create(url: str) -> bool:
    wanted = make_url(url)
    server = create_engine(wanted.set(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{wanted.database}"'))
        return True
    except SQLAlchemyError:
        return False


def _run(name: str, command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env={**environment, **os.environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TransientError(f"{name}'s database could not be prepared: {done.stderr.strip()[-1500:]}")
