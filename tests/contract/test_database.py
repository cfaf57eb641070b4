"""Jinsu's own database, on SQLite and on the PostgreSQL of the wheel."""

import math
import threading
import time
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
from tests.support.fake_launcher import FakeLauncher
from tests.support.fake_mlflow import FakeMlflow
from tests.support.postgres import PASSWORD

from jinsu.codec import encode
from jinsu.controller.champions import ChampionFollower
from jinsu.errors import ConflictError
from jinsu.installation import Installation
from jinsu.registry.mlflow import CHAMPION
from jinsu.release.advance import Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.runs import ledger
from jinsu.runs.admission import Request
from jinsu.runs.open_run import hold
from jinsu.runs.reviews import Answer
from jinsu.runs.snapshots import pack
from jinsu.runs.stages import StageName, Trained
from jinsu.servers import postgres
from jinsu.settings import Account, Settings
from jinsu.state.database import MIGRATIONS, Database, engine
from jinsu.state.states import Door, LedgerEvent, ReviewState, SubmissionState
from jinsu.state.tables import Base, Candidate, Endpoint, LedgerEntry, Rollout, Submission


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


def test_migrations_can_be_taken_back(database: Database) -> None:
    database.migrate()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine(database.url)

    command.downgrade(config, "base")

    assert inspect(engine(database.url)).get_table_names() == ["alembic_version"]


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
        at=time.time(), model="toy", event=LedgerEvent.PROMOTED, version="2", actor="bob", identity=identity
    )


def count(database: Database, table: type[Base]) -> int:
    with database.begin() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_ledger_takes_an_event_once(database: Database) -> None:
    database.migrate()

    def record(_: int) -> None:
        ledger.record(database, ledger.Entry("promote:toy-1", "toy", LedgerEvent.PROMOTED, "2", "1", "bob"))

    at_once(8, record)

    assert count(database, LedgerEntry) == 1
    with pytest.raises(IntegrityError), database.begin() as session:
        session.add(entry("promote:toy-1"))


def installation_on(database: Database, home: Path) -> Installation:
    account = Account("nobody", "nothing")
    values: dict[str, Any] = {field.name: "" for field in fields(Settings) if field.type == "str"}
    values |= {"xds_port": 0, "airflow": account, "mlflow": account}
    return Installation(Settings(**{**values, "home": str(home), "database_url": database.url}))


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
        "name: toy\ndata: {dataset: toy}\ntrain: {command: python train.py}\nevaluate: {metric: accuracy}\n"
    )
    (folder / "train.py").write_text(script)
    data, _ = pack(folder, 1 << 20)
    return installation.snapshots.put(data, 1 << 20)


def test_one_key_is_one_submission_however_often_and_fast_it_is_sent(database: Database, tmp_path: Path) -> None:
    database.migrate()
    installation = installation_on(database, tmp_path)
    pq.write_table(pa.table({"x": [1.0, 2.0], "label": [0, 1]}), tmp_path / "toy.parquet")
    version = installation.datasets.put("toy", tmp_path / "toy.parquet", "ann")
    code, other = (snapshot(installation, tmp_path / name, name) for name in ("one", "other"))

    answers = at_once(8, lambda _: installation.admission.admit(Request("ann", code, "key-1", {})))

    assert [new for _, new in answers].count(True) == 1
    assert len({row.id for row, _ in answers}) == 1
    assert {row.dataset for row, _ in answers} == {version.reference}
    with pytest.raises(ConflictError, match="used for run toy-"):
        installation.admission.admit(Request("ann", other, "key-1", {}))
    assert installation.admission.admit(Request("bob", code, "key-1", {}))[1]  # another person's key is another key
    assert count(database, Submission) == 2


def test_what_a_script_printed_and_measured_is_recorded_whatever_it_holds(database: Database, tmp_path: Path) -> None:
    """A training that diverged logs NaN, and its last words may be any bytes; its run must end all the same."""
    database.migrate()
    installation = installation_on(database, tmp_path)
    pq.write_table(pa.table({"x": [1.0, 2.0], "label": [0, 1]}), tmp_path / "toy.parquet")
    installation.datasets.put("toy", tmp_path / "toy.parquet", "ann")
    run = installation.admission.admit(Request("ann", snapshot(installation, tmp_path / "one", "one"), "key-1", {}))[
        0
    ].id
    journal, values = installation.journal, {"loss": float("nan"), "gain": float("-inf"), "a\0b\ud800": 1.0}

    journal.record(StageName.TRAIN, run, lambda: Trained("k", 1.0, 1, values))
    journal.note(run, StageName.PACKAGE, "last words: \0\x1b[31m\ud800")
    journal.end(run, SubmissionState.FAILED, "last words: \0\ud800")

    metrics = journal.output(Trained, run).metrics
    assert math.isnan(metrics["loss"])
    assert metrics["gain"] == -math.inf
    assert journal.submission(run).reason == "last words: ��"


@pytest.fixture
def postgresql(empty_database: str) -> Iterator[Database]:
    """For promises that rest on locked rows, which SQLite does not have."""
    found = Database(empty_database)
    found.migrate()
    yield found
    engine(found.url).dispose()


def registered_run(database: Database, home: Path) -> tuple[Installation, str]:
    """A run whose version 1 waits for a reviewer."""
    installation, mlflow = installation_on(database, home), FakeMlflow().connect()
    installation.__dict__.update(mlflow=mlflow, launcher=FakeLauncher(home))
    pq.write_table(pa.table({"x": [1.0, 2.0], "label": [0, 1]}), home / "toy.parquet")
    installation.datasets.put("toy", home / "toy.parquet", "ann")
    code = snapshot(installation, home / "one", "one")
    run = installation.admission.admit(Request("ann", code, "key-1", {}))[0].id
    mlflow.ensure_model("toy", {})
    _, mlflow_run = mlflow.ensure_run("toy", run, {})
    mlflow.create_version("toy", f"runs:/{mlflow_run}/model", mlflow_run, {}, "")
    installation.reviews.ask(run, "toy", "1")
    return installation, run


def test_of_two_answers_at_once_one_counts(postgresql: Database, tmp_path: Path) -> None:
    installation, run = registered_run(postgresql, tmp_path)

    def answer(number: int) -> str:
        try:
            installation.reviews.answer(run, Answer(number % 2 == 0, f"reviewer {number}", Door.CLI))
        except ConflictError:
            return "too late"
        return "taken"

    outcomes = at_once(4, answer)

    review = installation.reviews.of(run)
    assert review is not None
    winners = {0, 2} if review.state is ReviewState.APPROVED else {1, 3}
    assert {
        number for number, outcome in enumerate(outcomes) if outcome == "taken"
    } == winners  # the same answer is no conflict
    assert installation.mlflow.aliases("toy") == ({"challenger": "1"} if winners == {0, 2} else {})


def test_a_cancellation_waits_for_a_rollout_that_is_being_asked_for_and_aborts_it(
    postgresql: Database, tmp_path: Path
) -> None:
    installation, run = registered_run(postgresql, tmp_path)
    cancel = threading.Thread(target=installation.cancellation.run, args=(run, "by mistake"))
    with postgresql.begin() as session:
        hold(session, run)
        cancel.start()
        cancel.join(0.5)
        assert cancel.is_alive()
        policy, state = Policy((50,), 1.0, 1.0, GatePolicy(1, 0.1, 2.0, 1.0)), State("1", None)
        common = {
            "policy": encode(policy),
            "state": encode(state),
            "phase": state.phase,
            "created": 0.0,
            "updated": 0.0,
        }
        session.add(Rollout(submission=run, model="toy", challenger="1", **common))
    cancel.join(10)

    row = installation.rollouts.of(run)
    assert row is not None
    assert row.command == "abort:by mistake"
    with pytest.raises(ConflictError, match="was cancelled: by mistake"):
        installation.rollouts.request(run, "toy", "1", policy)


def test_a_controller_that_follows_a_rollback_at_once_takes_it_for_no_move_by_hand(
    postgresql: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation, run = registered_run(postgresql, tmp_path)
    mlflow = installation.mlflow
    mlflow.create_version("toy", "runs:/other/model", "other", {}, "")
    mlflow.set_alias("toy", CHAMPION, "2")
    ledger.record(postgresql, ledger.Entry("promote:2", "toy", LedgerEvent.PROMOTED, "2", None, "bob"))
    with postgresql.begin() as session:
        for version in "12":
            session.add(Candidate(submission=run, package=version * 64, model="toy", version=version, ready=True))
        session.add(Endpoint(model="toy", champion="2", updated=0.0))
    follower = threading.Thread(target=installation.build(ChampionFollower).run)
    set_alias = mlflow.set_alias

    def set_alias_and_be_followed(model: str, alias: str, version: str) -> None:
        set_alias(model, alias, version)
        follower.start()
        follower.join(0.5)
        assert follower.is_alive()

    monkeypatch.setattr(mlflow, "set_alias", set_alias_and_be_followed)
    assert installation.rollback.run("toy", "1", "bob") == "2"
    follower.join(10)

    assert [entry.event for entry in ledger.history(postgresql, "toy")] == ["rolled back", "promoted"]
    with postgresql.begin() as session:
        assert session.get_one(Endpoint, "toy").champion == "1"


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
