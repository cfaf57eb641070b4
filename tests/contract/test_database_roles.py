"""The database account of each process, in a PostgreSQL of the wheel with the real schemas: what it may, and may not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.support.postgres import PASSWORD, heard, running_server

from jinsu.clients.notifications import Notifications
from jinsu.cluster import airflow, database_roles, migrate
from jinsu.cluster.database_roles import APPENDED, PASSWORD_VARIABLE, PEOPLE, ROLES
from jinsu.controller.process import MLFLOW_TABLES, OWN_TABLES
from jinsu.errors import BadInputError
from jinsu.orchestration.watched_tables import WATCHED
from jinsu.servers.postgres import Postgres
from jinsu.settings import Account, Settings
from jinsu.state.database import Database, engine
from jinsu.state.tables import Base

pytestmark = pytest.mark.slow
DATABASES = ("jinsu", "airflow", "mlflow")
SECRETS = {name: f"password-of-{name}" for name in ROLES}
URL = Callable[[str, str], str]


def settings(postgres: Postgres, home: Path) -> Settings:
    nowhere = "http://127.0.0.1:1"
    return Settings(
        home=str(home), runtime="", api_url=nowhere, endpoint_url=nowhere, airflow_url=nowhere, mlflow_url=nowhere,
        envoy_admin_url=nowhere, xds_port=1, mlflow=Account("admin", "only-for-this-test"), supervisor_password="",
        database_url=postgres.url("jinsu", PASSWORD), airflow_database_url=postgres.url("airflow", PASSWORD, "psycopg2"),
        mlflow_database_url=postgres.url("mlflow", PASSWORD, "psycopg2"),
        mlflow_auth_database_url=postgres.url("mlflow", PASSWORD, "psycopg2"),
        airflow_secret="", mlflow_secret="", fernet_key="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """All three databases, migrated twice, as an upgrade does. Yields the owner's settings."""
    with running_server() as postgres, pytest.MonkeyPatch.context() as patch:
        postgres.create_databases(PASSWORD, DATABASES)
        found = settings(postgres, tmp_path_factory.mktemp("home"))
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        migrate.migrate(found)
        for _ in range(2):
            database_roles.give(migrate.databases(found), SECRETS)
        yield found
        engine(found.database_url).dispose()


@pytest.fixture
def url(installed: Settings) -> URL:
    """The address of a database with the account of a role, as libpq reads it."""

    def of(role: str, database: str) -> str:
        owner = migrate.databases(installed)[database]
        return "postgresql" + owner[owner.index("://") :].replace(f"jinsu:{PASSWORD}", f"jinsu_{role}:{SECRETS[role]}")

    return of


def may(url: str, statement: str) -> bool:
    """Whether the statement is allowed; nothing of it stays."""
    with psycopg.connect(url) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege:
            return False
        except (psycopg.errors.IntegrityError, psycopg.errors.RaiseException):
            return True  # PostgreSQL checks rights before rows
        finally:
            connection.rollback()
    return True


def test_each_role_opens_its_databases_and_no_other(url: URL) -> None:
    for role, databases in ROLES.items():
        for database in DATABASES:
            if database in databases:
                psycopg.connect(url(role, database)).close()
            else:
                with pytest.raises(psycopg.OperationalError, match="permission denied"):
                    psycopg.connect(url(role, database))


def test_every_process_finds_the_schema_current(url: URL) -> None:
    for role in ROLES:
        address = url(role, "jinsu").replace("postgresql://", "postgresql+psycopg://")
        assert Database(address).current(), role
        engine(address).dispose()


@pytest.mark.parametrize("role", ROLES)
def test_no_role_changes_a_table_or_what_is_only_appended(url: URL, role: str) -> None:
    for database in ROLES[role]:
        assert not may(url(role, database), "CREATE TABLE mine (a int)")
    for statement in (
        "DROP TABLE ledger",
        "ALTER TABLE ledger DISABLE TRIGGER ALL",
        "TRUNCATE ledger",
        "UPDATE ledger SET hash = ''",
        "DELETE FROM audit",
        "UPDATE alembic_version SET version_num = '0001'",
        "CREATE ROLE mine",
        "ALTER ROLE jinsu PASSWORD 'mine'",
        "COPY people TO PROGRAM 'true'",
    ):
        assert not may(url(role, "jinsu"), statement), statement


@pytest.mark.parametrize("role", [role for role in ROLES if role != "api"])
def test_only_the_api_makes_administrators_and_memberships(url: URL, role: str) -> None:
    for statement in (
        "UPDATE people SET admin = true",
        "INSERT INTO memberships (person, team, role, source, since) VALUES ('a', 'b', 'owner', '', 0)",
        "DELETE FROM policies",
        "UPDATE grants SET team = 'x'",
    ):
        assert not may(url(role, "jinsu"), statement), statement
    assert may(url("api", "jinsu"), "UPDATE people SET admin = true")


def test_tokens_are_made_where_people_sign_in(url: URL) -> None:
    able = {role for role in ROLES if may(url(role, "jinsu"), "UPDATE tokens SET last_used = 1")}
    assert able == {"api", "mlflow", "airflow"}


def test_the_secrets_of_splits_and_of_people_are_kept_from_those_who_only_wait(url: URL) -> None:
    for table in ("problem_splits", "people", "tokens"):
        for role in ("triggerer", "dag_processor"):
            assert not may(url(role, "jinsu"), f"SELECT * FROM {table}"), (role, table)
    assert may(url("triggerer", "jinsu"), "SELECT * FROM rollouts")
    assert not may(url("triggerer", "jinsu"), "UPDATE rollouts SET command = NULL")
    assert not may(url("controller", "mlflow"), "DELETE FROM registered_model_aliases")


def test_those_who_run_stages_and_rollouts_write_every_other_table(url: URL) -> None:
    kept = {*PEOPLE, *APPENDED, "alembic_version"}
    for role in ("api", "controller", "scheduler", "mlflow"):
        for table in set(Base.metadata.tables) - kept:
            assert may(url(role, "jinsu"), f"DELETE FROM {table}"), (role, table)
        for table in APPENDED:
            columns = ", ".join(Base.metadata.tables[table].columns.keys())
            assert may(url(role, "jinsu"), f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}"), (
                role,
                table,
            )


@pytest.mark.parametrize(
    ("role", "database", "tables", "change"),
    [
        ("controller", "jinsu", OWN_TABLES, "INSERT INTO endpoints (model, champion) VALUES ('m', '1')"),
        ("controller", "mlflow", MLFLOW_TABLES, None),
        ("scheduler", "airflow", WATCHED, None),
    ],
)
def test_the_processes_that_wait_hear_without_owning_the_tables(
    url: URL, role: str, database: str, tables: tuple[object, ...], change: str | None
) -> None:
    notifications = Notifications(url(role, database), tables)  # type: ignore[arg-type]
    assert heard(notifications) == frozenset()
    notifications.close()


def test_mlflow_opens_its_tables_with_its_own_account(installed: Settings, url: URL, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore\n"
        "from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore as Accounts\n"
        "SqlAlchemyStore(sys.argv[1], sys.argv[2]).create_experiment('e')\n"
        "accounts = Accounts(); accounts.init_db(sys.argv[1]); accounts.create_user('admin', 'only-for-this-test', True)\n"
    )
    address = url("mlflow", "mlflow").replace("postgresql://", "postgresql+psycopg2://")
    ended = subprocess.run(
        [sys.executable, "-c", script, address, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_airflow_reads_its_dags_with_an_account_of_its_own_and_without_a_key(
    installed: Settings, url: URL, tmp_path: Path
) -> None:
    from dataclasses import replace

    address = url("dag_processor", "airflow").replace("postgresql://", "postgresql+psycopg2://")
    found = replace(installed, home=str(tmp_path), airflow_database_url=address)
    found.write()
    (tmp_path / "catalog.json").write_text("{}")
    variables = {"PATH": os.environ["PATH"], "JINSU_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-m", "airflow", "dag-processor", "--num-runs", "1"],
        env={**airflow.environment(found), **variables}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "Added new DAG bundle" in ended.stdout + ended.stderr or "Found 1 files" in ended.stdout + ended.stderr


def test_a_role_that_is_missing_and_cannot_be_made_is_named(installed: Settings) -> None:
    """A managed database whose owner's account may make no roles."""
    with psycopg.connect(migrate.databases(installed)["jinsu"].replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        connection.execute("GRANT CONNECT ON DATABASE jinsu TO plain")
    urls = {
        name: address.replace(f"jinsu:{PASSWORD}", "plain:plain")
        for name, address in migrate.databases(installed).items()
    }
    with pytest.raises(BadInputError, match=r"CREATE ROLE plain_api LOGIN PASSWORD"):
        database_roles.give(urls, SECRETS)


def test_half_of_the_passwords_are_refused() -> None:
    assert database_roles.passwords({}) == {}
    assert database_roles.passwords({f"{PASSWORD_VARIABLE}_{name.upper()}": name for name in ROLES}) == {
        name: name for name in ROLES
    }
    with pytest.raises(BadInputError, match=f"{PASSWORD_VARIABLE}_CONTROLLER"):
        database_roles.passwords({f"{PASSWORD_VARIABLE}_API": "x"})
