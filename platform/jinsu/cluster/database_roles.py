"""The database account of each process of the platform, and what it may do.

The account that migrates owns every table; no other process has its password. A role has the name of that account, `_` and
the name of the process, such as `jinsu_api`. The roles are made where the migrating account may make roles; elsewhere an
administrator makes them first. Their rights are given anew with each migration.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from jinsu.errors import BadInputError

PASSWORD_VARIABLE = "JINSU_DATABASE_PASSWORD"  # noqa: S105  # its name
"""The variable with the password of the migrating account. That of a role has `_` and the role's name after it."""

PEOPLE = ("people", "memberships", "grants", "policies", "teams", "tokens", "sign_in_requests")
"""Tables that say who may do what. The API alone changes them; signing in elsewhere changes tokens."""
APPENDED = ("audit", "ledger")
"""Tables whose rows nobody changes."""


class Right(StrEnum):
    """What a role may do with a table; the value is what PostgreSQL calls it."""

    READ = "SELECT"
    """See rows."""
    APPEND = "SELECT, INSERT"
    """Add rows, and see them."""
    CHANGE = "SELECT, INSERT, UPDATE, DELETE"
    """Anything with rows, and nothing with the table."""


@dataclass(frozen=True)
class Access:
    """What a role may do in one database: `otherwise` with every table that `tables` does not name; None: nothing."""

    otherwise: Right | None
    tables: Mapping[str, Right | None] = field(default_factory=dict)


_KEPT = dict.fromkeys(APPENDED, Right.APPEND)
_READS_PEOPLE = {**dict.fromkeys(PEOPLE, Right.READ), **_KEPT}
_SIGNS_IN = {**_READS_PEOPLE, "tokens": Right.CHANGE}
_ALL = Access(Right.CHANGE)

ROLES: Mapping[str, Mapping[str, Access]] = {
    "api": {"jinsu": Access(Right.CHANGE, _KEPT)},
    "controller": {"jinsu": Access(Right.CHANGE, _READS_PEOPLE), "mlflow": Access(Right.READ)},
    "mlflow": {"jinsu": Access(Right.CHANGE, _SIGNS_IN), "mlflow": _ALL},
    "scheduler": {"jinsu": Access(Right.CHANGE, _READS_PEOPLE), "airflow": _ALL},
    "airflow": {"jinsu": Access(Right.READ, {"tokens": Right.CHANGE, "audit": Right.APPEND}), "airflow": _ALL},
    "triggerer": {
        "jinsu": Access(Right.READ, dict.fromkeys(("people", "tokens", "sign_in_requests", "problem_splits"))),
        "airflow": _ALL,
    },
    "dag_processor": {"jinsu": Access(None, {"alembic_version": Right.READ}), "airflow": _ALL},
}
"""What each role may do, by database."""


def passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """The password of each role; empty where the processes share one account.

    Raises BadInputError when only some roles have one.
    """
    found = {name: environment.get(f"{PASSWORD_VARIABLE}_{name.upper()}", "") for name in ROLES}
    missing = [name for name, password in found.items() if not password]
    if len(missing) == len(ROLES):
        return {}
    if missing:
        raise BadInputError(f"the Secret has no {PASSWORD_VARIABLE}_{missing[0].upper()}; each role needs a password.")
    return found


def give(databases: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Makes the roles where they are missing, sets their passwords, and gives each its rights, no more.

    databases: the URL of each with the owner's account, as SQLAlchemy writes it. secrets: the passwords.
    Raises BadInputError for a role that is missing and cannot be made.
    """
    owner = unquote(urlsplit(databases["jinsu"]).username or "")
    for name in ROLES:
        _ensure(databases["jinsu"], f"{owner}_{name}", secrets[name])
    for database, url in databases.items():
        with _connected(url) as connection, connection.transaction():
            for name, access in ROLES.items():
                _grant(connection, f"{owner}_{name}", access.get(database))


@contextlib.contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect("postgresql" + url[url.index("://") :], autocommit=True) as connection:
        yield connection


def _ensure(url: str, role: str, password: str) -> None:
    with _connected(url) as connection:
        there = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None
        # Only the digest that the server keeps is sent, so that no log of statements has the password.
        digest = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        verb = "ALTER" if there else "CREATE"
        statement = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(digest))
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            if not there:
                raise BadInputError(
                    f"the database has no role {role}, and this account may not make one; as its administrator: "
                    f"CREATE ROLE {role} LOGIN PASSWORD '…', with the value of {PASSWORD_VARIABLE}_… of the Secret."
                ) from None


def _grant(connection: psycopg.Connection[tuple[object, ...]], role: str, access: Access | None) -> None:
    """Takes every right of the role in this database, and gives those of `access`. Within one transaction."""
    name = sql.Identifier(role)
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(database))
    for what in ("ALL TABLES", "ALL SEQUENCES"):
        connection.execute(sql.SQL("REVOKE ALL ON " + what + " IN SCHEMA public FROM {}").format(name))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(database, name))
    if access is None:
        return
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, name))
    connection.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(name))
    rows = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    ).fetchall()
    for (table,) in rows:
        # Every process reads which schema there is, and none changes it.
        versions = str(table).startswith("alembic_version")
        right = Right.READ if versions else access.tables.get(str(table), access.otherwise)
        if right is not None:
            statement = "GRANT " + right.value + " ON {} TO {}"
            connection.execute(sql.SQL(statement).format(sql.Identifier("public", str(table)), name))
