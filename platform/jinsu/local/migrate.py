"""The schemas of Airflow and Jinsu, brought up to date at every start; MLflow does that by itself."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from jinsu.errors import TransientError
from jinsu.files import write_private
from jinsu.identity.people import Role, create_user
from jinsu.servers import airflow
from jinsu.settings import Settings
from jinsu.state.database import Database


def migrate_airflow(settings: Settings, dags: Path) -> None:
    """Takes seconds, so a version that has been migrated to is not tried again. Raises TransientError."""
    stamp = Path(settings.home) / "airflow" / "migrated"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == version("apache-airflow"):
        return
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    environment = {**os.environ, **airflow.environment(settings, dags)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TransientError(f"Airflow's database could not be prepared: {done.stderr.strip()[-600:]}")
    stamp.write_text(version("apache-airflow"), encoding="utf-8")


def migrate_jinsu(settings: Settings) -> None:
    """Migrates Jinsu's schema, and gives the user of this machine and a reviewer their tokens."""
    database = Database(settings.database_url)
    database.migrate()
    tokens = Path(settings.home) / "tokens"
    for name, role in ((getpass.getuser(), Role.ADMIN), ("reviewer", Role.REVIEWER)):
        if not (tokens / name).exists():
            write_private(tokens / name, create_user(database, name, role))
    own_token = Path(settings.home) / "token"
    if not own_token.exists():
        own_token.symlink_to(tokens / getpass.getuser())
