"""The schemas of Airflow and Jinsu, brought up to date at every start; MLflow does that by itself."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.orm import Session

from jinsu.errors import TransientError
from jinsu.files import write_private
from jinsu.home import FIRST_PASSWORD
from jinsu.identity import accounts, policies, tokens
from jinsu.identity.people import PLATFORM
from jinsu.servers import airflow
from jinsu.settings import Settings
from jinsu.spec.policy import PolicySpec, ReviewPolicy
from jinsu.state.database import Database
from jinsu.state.states import Role, TokenUse
from jinsu.state.tables import Account

DEFAULT_TEAM = "default"
OWN_APPROVAL = PolicySpec(review=ReviewPolicy(approvers=0, self_approval=True))
"""The policy of a team of one person, who asks nobody."""


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
    """Migrates Jinsu's schema, and gives the user of this machine an account. Nothing that exists is changed."""
    database = Database(settings.database_url)
    database.migrate()
    home, name = Path(settings.home), _user()
    kept = home / "tokens" / name
    token = ""
    with database.begin() as session:
        for team in (DEFAULT_TEAM, *settings.teams_approving_themselves):
            accounts.ensure_team(session, team, actor=PLATFORM)
            policies.ensure_policy(session, team, OWN_APPROVAL, actor=PLATFORM)
        if _ensure_owner(session, name, settings.airflow.password, home) and not kept.exists():
            label = "this machine"
            token = tokens.give(session, name, TokenUse.API, actor=PLATFORM, label=label, lifetime=None)
    if token:
        write_private(kept, token)
    if kept.exists() and not (home / "token").exists():
        (home / "token").unlink(missing_ok=True)
        (home / "token").symlink_to(kept)


def _ensure_owner(session: Session, name: str, password: str, home: Path) -> bool:
    """Makes the user of this machine an administrator who owns the default team. False for one whose account was ended.

    The account gets a password where nobody can sign in to it: at the first start, and when it comes from version 0.1.
    """
    account = session.get(Account, name)
    if account is None:
        account = accounts.add_person(session, name, actor=PLATFORM, admin=True)
        accounts.set_role(session, name, DEFAULT_TEAM, Role.OWNER, actor=PLATFORM)
    if account.left is not None:
        return False
    if account.password is None and account.subject is None:
        accounts.set_password(session, name, password, actor=PLATFORM)
        write_private(home / FIRST_PASSWORD, json.dumps({"name": name, "password": password}))
    return True


def _user() -> str:
    """The name of this machine's user, or `admin` where nobody can have that name here."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "admin"
    return name if accounts.may_be_called(name) else "admin"
