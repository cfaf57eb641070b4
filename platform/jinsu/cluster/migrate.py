"""The schemas of Airflow, MLflow and Jinsu, brought up to date by the Job `migrate`."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jinsu import settings as configuration
from jinsu.clients.notifications import Notifications
from jinsu.cluster import airflow, database_roles
from jinsu.controller.process import MLFLOW_TABLES, OWN_TABLES
from jinsu.errors import TransientError
from jinsu.identity import accounts, policies, tokens
from jinsu.identity.people import PLATFORM
from jinsu.orchestration.watched_tables import WATCHED as AIRFLOW_TABLES
from jinsu.settings import Settings
from jinsu.spec.load import policy_from
from jinsu.spec.policy import PolicySpec, ReviewPolicy
from jinsu.state.database import Database
from jinsu.state.states import Role
from jinsu.state.tables import Account

log = logging.getLogger("jinsu.migrate")

BOOTSTRAP = "admin"
"""The first administrator, whose token is in the chart's Secret."""
FIRST_TEAM = "default"
"""The team of an installation for a trial. Its owner is the first administrator, so that a first model needs nobody else."""
_LABEL, _FORMER_LABEL = "bootstrap", "from version 0.1"
_OWN_APPROVAL = PolicySpec(review=ReviewPolicy(approvers=1, self_approval=True))
"""The policy of a team whose members may approve what they submitted themselves."""
_PATIENCE = 600.0
# MLflow makes these tables when its server starts, with the server's account.
_MIGRATE_ACCOUNTS = """
import sys
from mlflow.server.auth.db.utils import migrate
from sqlalchemy import create_engine
migrate(create_engine(sys.argv[1]), "head")
"""


def start() -> None:
    """Migrates Jinsu's schema last: a process that finds it current may start. Safe to repeat.

    Raises TransientError when a database does not answer within ten minutes, or refuses its migration; BadInputError for
    database roles that are missing and cannot be made.
    """
    settings = configuration.load()
    secrets = database_roles.passwords(os.environ)
    migrate(settings)
    if secrets:
        database_roles.give(databases(settings), secrets)
    with Database(settings.database_url).begin() as session:
        ensure_people(session, settings, os.environ["JINSU_ADMIN_TOKEN"])


def databases(settings: Settings) -> dict[str, str]:
    """The URL of each database, by what it is for."""
    return {
        "jinsu": settings.database_url,
        "airflow": settings.airflow_database_url,
        "mlflow": settings.mlflow_database_url,
    }


def migrate(settings: Settings) -> None:
    """Everything that only the owner of the tables may do: the schemas, and the triggers that wake idle processes."""
    for url in databases(settings).values():
        _ensure_database(url)
    _run("Airflow", [sys.executable, "-m", "airflow", "db", "migrate"], airflow.environment(settings))
    _run("MLflow", [sys.executable, "-m", "mlflow", "db", "upgrade", settings.mlflow_database_url], {})
    accounts_url = settings.mlflow_auth_database_url
    if accounts_url:
        _run("MLflow's accounts", [sys.executable, "-c", _MIGRATE_ACCOUNTS, accounts_url], {})
    Database(settings.database_url).migrate()
    if settings.notifications:
        _put_triggers(settings)


def _put_triggers(settings: Settings) -> None:
    """Without them the processes poll, so that a failure is no reason to stop."""
    watched = (
        (settings.database_url, OWN_TABLES),
        (settings.airflow_database_url, AIRFLOW_TABLES),
        (settings.mlflow_database_url, MLFLOW_TABLES),
    )
    for url, tables in watched:
        try:
            Notifications(url, tables).close()
        except TransientError as problem:
            log.warning("%s", problem)


def ensure_people(session: Session, settings: Settings, token: str) -> None:
    """The bootstrap administrator with the token of the chart's Secret, and the chart's teams with their policies.

    Safe to repeat. What people changed stays: a token that was revoked, an administrator who was removed, a role that was
    taken, a policy that a person put. When the Secret has another token than before, the one before ends. Raises
    BadInputError for a policy that is none.
    """
    teams = {*settings.on_kubernetes.steps.namespaces, *settings.teams_approving_themselves, *settings.policies}
    for team in sorted(teams):
        accounts.ensure_team(session, team, actor=PLATFORM)
    account = session.get(Account, BOOTSTRAP)
    if account is None:
        account = accounts.add_person(session, BOOTSTRAP, actor=PLATFORM, admin=True)
        if FIRST_TEAM in teams:
            accounts.set_role(session, BOOTSTRAP, FIRST_TEAM, Role.OWNER, actor=PLATFORM)
    if account.left is None:
        tokens.replace(session, BOOTSTRAP, token, labels=(_LABEL, _FORMER_LABEL), actor=PLATFORM)
    chosen = {team: policy_from(document, f"policy of team {team}") for team, document in settings.policies.items()}
    for team, policy in {**dict.fromkeys(settings.teams_approving_themselves, _OWN_APPROVAL), **chosen}.items():
        _ensure_policy(session, team, policy)


def _ensure_policy(session: Session, team: str, policy: PolicySpec) -> None:
    """Makes this the team's policy, unless the latest version is a person's."""
    latest = next(iter(policies.history(session, team)), None)
    if latest is None or latest.by == PLATFORM:
        policies.put_policy(session, team, policy, actor=PLATFORM)
    elif latest.document != policy.model_dump(mode="json", exclude_defaults=True):
        log.warning("team %s keeps version %d of its policy, which %s put", team, latest.version, latest.by)


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
