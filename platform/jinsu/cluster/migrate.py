"""The schemas of Airflow, MLflow and Jinsu, brought up to date by the Job `migrate`."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jinsu import settings as configuration
from jinsu.cluster import airflow
from jinsu.errors import TransientError
from jinsu.identity import accounts, policies, tokens
from jinsu.identity.people import PLATFORM
from jinsu.settings import Settings
from jinsu.spec.policy import PolicySpec, ReviewPolicy
from jinsu.state.database import Database
from jinsu.state.tables import Account

BOOTSTRAP = "admin"
"""The first administrator, whose token is in the chart's Secret."""
_LABEL, _FORMER_LABEL = "bootstrap", "from version 0.1"
_OWN_APPROVAL = PolicySpec(review=ReviewPolicy(approvers=1, self_approval=True))
"""The policy of a team whose members may approve what they submitted themselves."""
_PATIENCE = 600.0


def start() -> None:
    """Migrates Jinsu's schema last: a process that finds it current may start. Safe to repeat.

    Raises TransientError when a database does not answer within ten minutes, or refuses its migration.
    """
    settings = configuration.load()
    for url in (settings.database_url, settings.airflow_database_url, settings.mlflow_database_url):
        _ensure_database(url)
    _run("Airflow", [sys.executable, "-m", "airflow", "db", "migrate"], airflow.environment(settings))
    _run("MLflow", [sys.executable, "-m", "mlflow", "db", "upgrade", settings.mlflow_database_url], {})
    database = Database(settings.database_url)
    database.migrate()
    with database.begin() as session:
        ensure_people(session, settings, os.environ["JINSU_ADMIN_TOKEN"])


def ensure_people(session: Session, settings: Settings, token: str) -> None:
    """The bootstrap administrator with the token of the chart's Secret, and the teams of the chart. Safe to repeat.

    A token that was revoked stays so, and an administrator who was removed stays removed. When the Secret has another
    token than before, the one before ends.
    """
    account = session.get(Account, BOOTSTRAP)
    if account is None:
        account = accounts.add_person(session, BOOTSTRAP, actor=PLATFORM, admin=True)
    if account.left is None:
        tokens.replace(session, BOOTSTRAP, token, labels=(_LABEL, _FORMER_LABEL), actor=PLATFORM)
    approving = settings.teams_approving_themselves
    for team in sorted({*settings.on_kubernetes.steps.namespaces, *approving}):
        accounts.ensure_team(session, team, actor=PLATFORM)
    for team in approving:
        policies.ensure_policy(session, team, _OWN_APPROVAL, actor=PLATFORM)


def _ensure_database(url: str) -> None:
    """Waits for the server. A missing database is created if this account may; otherwise it is waited for too."""
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
    """Whether the database could be created."""
    target = make_url(url)
    server = create_engine(target.set(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{target.database}"'))
        return True
    except SQLAlchemyError:
        return False


def _run(name: str, command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env={**environment, **os.environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TransientError(f"{name}'s database could not be prepared: {done.stderr.strip()[-1500:]}")
