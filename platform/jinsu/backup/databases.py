"""Dumps and loads databases with PostgreSQL's own programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from jinsu.errors import TransientError
from jinsu.servers import postgres
from jinsu.settings import Settings

_VARIABLES = {"host": "PGHOST", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}


def databases(settings: Settings) -> dict[str, str]:
    """URL of each database, by name. Jinsu's comes first: what it names in the others is there, for they are read later."""
    return {
        "jinsu": settings.database_url,
        "airflow": settings.airflow_database_url,
        "mlflow": settings.mlflow_database_url,
    }


def dump(name: str, url: str, path: Path) -> None:
    """Writes all of a database, as of one moment, to a file. Raises TransientError."""
    _call(name, url, "pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={path}")


def load(name: str, url: str, path: Path) -> None:
    """Fills an empty database, in one transaction. Raises TransientError."""
    database = make_url(url).database or name
    options = ("--no-owner", "--no-acl", "--exit-on-error", "--single-transaction", f"--dbname={database}")
    _call(name, url, "pg_restore", *options, str(path))


def clear(url: str) -> None:
    """Removes every table of a database."""
    made = create_engine(url)
    try:
        with made.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    finally:
        made.dispose()


def _call(name: str, url: str, program: str, *options: str) -> None:
    command = [str(postgres.client(program)), *options]
    done = subprocess.run(command, env=_environment(url), capture_output=True, text=True, check=False)
    if done.returncode:
        reason = " ".join(done.stderr.split())[-400:].rstrip("?.")
        raise TransientError(f"database {name}: {program} failed: {reason}; is the platform running?")


def _environment(url: str) -> dict[str, str]:
    """Where the database is, and its password: an argument could be read by every user of the machine."""
    parts = make_url(url)
    found = {"PGHOST": parts.host, "PGPORT": parts.port and str(parts.port), "PGUSER": parts.username}
    found |= {"PGPASSWORD": parts.password, "PGDATABASE": parts.database}
    for option, variable in _VARIABLES.items():
        if option in parts.query:
            found[variable] = str(parts.query[option])
    return {**os.environ, **{variable: value for variable, value in found.items() if value}}
