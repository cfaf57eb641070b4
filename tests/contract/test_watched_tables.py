"""The tables that idle processes wait for are in the real schemas, whose owners may migrate them beside the triggers."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.support.postgres import PASSWORD, execute, heard, value

from jinsu.clients.notifications import Notifications, WatchedTable
from jinsu.controller.process import MLFLOW_TABLES, OWN_TABLES
from jinsu.orchestration.executor import BUSY, PUT_FIRST
from jinsu.orchestration.watched_tables import WATCHED as AIRFLOW_TABLES
from jinsu.servers.postgres import Postgres
from jinsu.state.database import Database, engine

pytestmark = pytest.mark.slow
# Before Airflow 3.1; before MLflow's workspaces, which changed the table of aliases.
OLD_AIRFLOW, OLD_MLFLOW = "3.0.0", "c8d9e0f1a2b3"
MIGRATE_MLFLOW = """
import sys
from alembic import command
from mlflow.store.db.utils import _get_alembic_config
config = _get_alembic_config(sys.argv[1])
getattr(command, sys.argv[2])(config, sys.argv[3])
"""


def python(*arguments: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def expect_columns(url: str, tables: tuple[WatchedTable, ...]) -> None:
    for table in tables:
        for column in table.columns:
            query = "SELECT count(*) FROM information_schema.columns WHERE table_name = '{}' AND column_name = '{}'"
            assert value(url, query.format(table.name, column)) == 1, (table, column)


def triggers(url: str) -> object:
    return value(url, "SELECT count(*) FROM pg_trigger WHERE tgname = 'jinsu_notify'")


@pytest.fixture(scope="module")
def airflow(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """The address of Airflow's database, and the environment of its command line."""
    server.create_databases(PASSWORD, ("airflow",))
    url = server.url("airflow", PASSWORD, "psycopg2")
    environment = {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url}
    python("-m", "airflow", "db", "migrate", **environment)
    return url, environment


def test_jinsu_has_the_tables_that_its_controller_waits_for(empty_database: str) -> None:
    Database(empty_database).migrate()
    engine(empty_database).dispose()
    expect_columns(empty_database, OWN_TABLES)
    with contextlib.closing(Notifications(empty_database, OWN_TABLES)):
        assert triggers(empty_database) == len(OWN_TABLES)


def test_airflow_has_the_tables_that_its_scheduler_waits_for(airflow: tuple[str, dict[str, str]]) -> None:
    url, _ = airflow
    expect_columns(url, AIRFLOW_TABLES)
    with contextlib.closing(Notifications(url, AIRFLOW_TABLES)) as notifications:
        assert notifications.ask(BUSY) is False
        execute(
            url,
            "INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, clear_number, span_status, conf)"
            " VALUES ('lifecycle', 'one', 'manual', 'queued', now(), 0, 'not_started', '{}')",
        )
        assert heard(notifications) == {"dag_run"}
        assert notifications.ask(BUSY) is True
        execute(url, "UPDATE dag_run SET state = 'running'")
        assert notifications.ask(BUSY) is False
        assert heard(notifications) == {"dag_run"}
        execute(url, "DELETE FROM dag_run")


RUN = "INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, clear_number, span_status, conf, last_scheduling_decision)"
TASK = (
    "INSERT INTO task_instance (id, task_id, dag_id, run_id, map_index, try_number, max_tries, state, updated_at,"
    " pool, pool_slots, span_status, context_carrier)"
)


def test_a_run_whose_task_has_ended_comes_before_those_that_wait(airflow: tuple[str, dict[str, str]]) -> None:
    """The scheduler looks at a few runs in a loop, those first about which it has decided nothing."""
    url, _ = airflow
    database = create_engine(url)  # as Airflow itself connects

    def first() -> object:
        with database.begin() as connection:
            connection.execute(text(PUT_FIRST), {"examined": 8})
        return value(
            url, "SELECT coalesce(string_agg(run_id, ' '), '') FROM dag_run WHERE last_scheduling_decision IS NULL"
        )

    def run(names: str, task: str, state: str, changed: str) -> None:
        execute(
            url,
            f"{RUN} SELECT 'lifecycle', {names}, 'manual', 'running', now(), 0, 'not_started', '{{}}', now()"
            " FROM generate_series(1, 8) AS n ON CONFLICT DO NOTHING",
            f"{TASK} SELECT gen_random_uuid(), '{task}', dag_id, run_id, -1, 1, 0, '{state}', now() {changed},"
            f" 'p', 1, 'not_started', '{{}}' FROM dag_run WHERE run_id IN (SELECT {names} FROM generate_series(1, 8) AS n)",
        )

    try:
        run("'waits-' || n", "register", "success", "- interval '1 hour'")
        run("'waits-' || n", "review", "awaiting_input", "+ interval '1 second'")
        assert first() == "", "they wait for a person"
        run("'new'", "train", "success", "+ interval '1 second'")
        assert first() == "new"
        execute(url, "UPDATE dag_run SET last_scheduling_decision = now() + interval '2 seconds'")
        assert first() == "", "the scheduler has looked at it"
        run("'again'", "train", "up_for_retry", "- interval '1 hour'")
        assert first() == "again", "its pause may be over at any time"
        execute(
            url, "DELETE FROM dag_run WHERE run_id <= 'waits-3'", "UPDATE dag_run SET last_scheduling_decision = now()"
        )
        assert first() == "", "so few that the scheduler looks at all of them in each loop"
    finally:
        execute(url, "DELETE FROM task_instance", "DELETE FROM dag_run")
        database.dispose()


def test_airflow_migrates_its_database_beside_the_triggers(airflow: tuple[str, dict[str, str]]) -> None:
    url, environment = airflow
    with contextlib.closing(Notifications(url, AIRFLOW_TABLES)):
        python("-m", "airflow", "db", "downgrade", "--to-version", OLD_AIRFLOW, "--yes", **environment)
        assert triggers(url) == len(AIRFLOW_TABLES)
        python("-m", "airflow", "db", "migrate", **environment)
    assert triggers(url) == len(AIRFLOW_TABLES)


def test_mlflow_migrates_its_database_beside_the_triggers(server: Postgres, tmp_path: Path) -> None:
    server.create_databases(PASSWORD, ("mlflow",))
    url = server.url("mlflow", PASSWORD, "psycopg2")
    python("-m", "mlflow", "db", "upgrade", url)
    expect_columns(url, MLFLOW_TABLES)
    with contextlib.closing(Notifications(url, MLFLOW_TABLES)):
        python("-c", MIGRATE_MLFLOW, url, "downgrade", OLD_MLFLOW)
        assert triggers(url) == len(MLFLOW_TABLES)
        python("-m", "mlflow", "db", "upgrade", url)
    assert triggers(url) == len(MLFLOW_TABLES)
