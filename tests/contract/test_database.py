"""Jinsu's own database, on SQLite and on the PostgreSQL of the wheel."""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import IntegrityError
from tests.support.datasets import put_dataset
from tests.support.people import make_people, person
from tests.support.postgres import PASSWORD

from jinsu.errors import ConflictError, PermanentError
from jinsu.installation import Installation
from jinsu.runs import ledger
from jinsu.runs.admission import Request
from jinsu.runs.snapshots import pack
from jinsu.runs.stages import StageName, Trained
from jinsu.servers import postgres
from jinsu.settings import Account, Settings
from jinsu.state.database import MIGRATIONS, Database, engine
from jinsu.state.states import LedgerEvent, SubmissionState
from jinsu.state.tables import Base, Candidate, LedgerEntry, Model, Problem, Submission


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    if request.param == "sqlite":
        found = Database(f"sqlite:///{tmp_path / 'jinsu.db'}")
    else:
        found = Database(request.getfixturevalue("empty_database"))
    yield found
    engine(found.url).dispose()


def test_migrations_make_exactly_the_tables(database: Database) -> None:
    database.migrate()
    database.migrate()  # a second time is harmless

    with engine(database.url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_the_first_schema_can_be_taken_back_and_the_people_cannot(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine(database.url)
    command.upgrade(config, "0001")
    command.downgrade(config, "base")
    assert inspect(engine(database.url)).get_table_names() == ["alembic_version"]

    database.migrate()
    with pytest.raises(PermanentError, match="restore the copy that was made before the upgrade"):
        command.downgrade(config, "0001")
    assert database.current()


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    database.migrate()

    def write() -> None:
        with database.begin() as session:
            session.add(entry("a"))
            session.flush()
            session.add(Candidate(submission="nobody", package="d", model="toy"))

    with pytest.raises(IntegrityError):  # there is no such submission: foreign keys hold
        write()
    assert count(database, LedgerEntry) == 0


def entry(identity: str) -> LedgerEntry:
    return LedgerEntry(
        at=1.0, model="toy", event=LedgerEvent.PROMOTED, version="2", actor="bob", identity=identity, hash="h"
    )


def count(database: Database, table: type[Base]) -> int:
    with database.begin() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_ledger_takes_an_event_once(database: Database) -> None:
    database.migrate()
    for _ in range(2):
        with database.begin() as session:
            ledger.append(session, ledger.Entry("promote:toy-1", "toy", LedgerEvent.PROMOTED, "2", "1", "bob"))

    assert count(database, LedgerEntry) == 1
    with pytest.raises(IntegrityError), database.begin() as session:
        session.add(entry("promote:toy-1"))


def installation_on(database: Database, home: Path) -> Installation:
    """An installation of two teams, of whom `default` has a dataset `toy`."""
    database.migrate()
    make_people(database)
    account = Account("nobody", "nothing")
    values: dict[str, Any] = {field.name: "" for field in fields(Settings) if field.type == "str"}
    values |= {"xds_port": 0, "airflow": account, "mlflow": account}
    installation = Installation(Settings(**{**values, "home": str(home), "database_url": database.url}))
    pq.write_table(pa.table({"x": [1.0, 2.0], "label": [0, 1]}), home / "toy.parquet")
    put_dataset(installation.objects, "toy", home / "toy.parquet", "ann")
    installation.ownership.claim(person(database, "ann"), "toy")
    return installation


def at_once(times: int, work: Callable[[int], Any]) -> list[Any]:
    together = threading.Barrier(times)

    def one(number: int) -> Any:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def snapshot(installation: Installation, folder: Path, script: str) -> str:
    folder.mkdir()
    (folder / "model.yaml").write_text(
        "name: toy\nproblem: {dataset: toy, metric: accuracy}\ntrain: {command: python train.py}\n"
    )
    (folder / "train.py").write_text(script)
    data, _ = pack(folder, 1 << 20)
    return installation.snapshots.put(data, 1 << 20)


def test_one_key_is_one_submission_however_often_and_fast_it_is_sent(database: Database, tmp_path: Path) -> None:
    installation = installation_on(database, tmp_path)
    ann, bob = person(database, "ann"), person(database, "bob")
    code, other = (snapshot(installation, tmp_path / name, name) for name in ("one", "other"))

    answers = at_once(8, lambda _: installation.admission.admit(Request(ann, code, "key-1", {})))

    assert [new for _, new in answers].count(True) == 1
    assert len({row.id for row, _ in answers}) == 1
    assert {row.dataset for row, _ in answers} == {installation.datasets.resolve("toy").reference}
    with pytest.raises(ConflictError, match="used for run toy-"):
        installation.admission.admit(Request(ann, other, "key-1", {}))
    assert installation.admission.admit(Request(bob, code, "key-1", {}))[1]  # another person's key is another key
    assert count(database, Submission) == 2


def test_the_first_submissions_to_a_new_model_may_come_at_once(empty_database: str, tmp_path: Path) -> None:
    """Each of them wants to make the model and its problem; one does, and nobody is sent away."""
    database = Database(empty_database)
    installation = installation_on(database, tmp_path)
    code, ann = snapshot(installation, tmp_path / "one", "one"), person(database, "ann")

    answers = at_once(8, lambda number: installation.admission.admit(Request(ann, code, f"key-{number}", {})))

    assert [new for _, new in answers] == [True] * 8
    assert (count(database, Submission), count(database, Model), count(database, Problem)) == (8, 1, 1)
    engine(database.url).dispose()


def test_what_a_script_printed_and_measured_is_recorded_whatever_it_holds(database: Database, tmp_path: Path) -> None:
    """A training that diverged logs NaN, and its last words may be any bytes; its run must end all the same."""
    installation = installation_on(database, tmp_path)
    code = snapshot(installation, tmp_path / "one", "one")
    run = installation.admission.admit(Request(person(database, "ann"), code, "key-1", {}))[0].id
    journal, values = installation.journal, {"loss": float("nan"), "gain": float("-inf"), "a\0b\ud800": 1.0}

    journal.record(StageName.TRAIN, run, lambda: Trained("k", 1.0, 1, values))
    journal.note(run, StageName.PACKAGE, "last words: \0\x1b[31m\ud800")
    journal.end(run, SubmissionState.FAILED, "last words: \0\ud800")

    with pytest.raises(PermanentError):
        journal.record(StageName.EVALUATE, run, lambda: {}["last words: \0\ud800"])

    metrics = journal.output(Trained, run).metrics
    assert math.isnan(metrics["loss"])
    assert metrics["gain"] == -math.inf
    assert journal.submission(run).reason == "last words: ��"


def test_postgresql_asks_for_the_password_and_listens_to_no_network(server: postgres.Postgres) -> None:
    import psycopg

    server.create_databases(PASSWORD, ())
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=str(server.sockets), user="jinsu", password="wrong", dbname="postgres")
    with psycopg.connect(host=str(server.sockets), user="jinsu", password=PASSWORD, dbname="postgres") as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert server.sockets.stat().st_mode & 0o077 == 0
    assert server.data.parent.stat().st_mode & 0o077 == 0


def test_setting_up_again_changes_nothing(server: postgres.Postgres) -> None:
    before = (server.data / "PG_VERSION").stat().st_mtime_ns
    server.initialise("another password")
    server.create_databases(PASSWORD, ("again",))
    server.create_databases(PASSWORD, ("again",))
    assert (server.data / "PG_VERSION").stat().st_mtime_ns == before


def test_no_password_is_seen_in_the_arguments(server: postgres.Postgres) -> None:
    assert PASSWORD not in " ".join(server.program().command)
    assert not (server.sockets / "password").exists()
