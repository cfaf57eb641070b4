"""An upgrade from version 0.1, tested from a database that version 0.1 made (tests/support/version_0_1/README.md)."""

import hashlib
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from tests.support.former_version import Dump, former_tokens, load_former
from tests.support.postgres import value
from tests.support.splits import held_out

from jinsu.data.split import without_salt
from jinsu.identity.tokens import recognise
from jinsu.runs import ledger
from jinsu.runs.journal import rules_of, spec_of
from jinsu.runs.standings import Standings
from jinsu.spec.problem import Split
from jinsu.state.database import Database, engine
from jinsu.state.states import LedgerEvent, Role, TokenUse
from jinsu.state.tables import Base, Submission

ROWS = {
    "candidates": 14,
    "endpoints": 5,
    "ledger": 11,
    "reviews": 14,
    "rollouts": 10,
    "submissions": 16,
    "tasks": 126,
    "usage": 17,
    "users": 4,
}
CHAMPIONS = {"basket": "1", "by_hand": "2", "digits": "2", "points": "1", "strayed": "1"}
LEDGER = [
    ("by_hand", "promoted", "1", None, "model.yaml"),
    ("digits", "promoted", "1", None, "rita"),
    ("points", "promoted", "1", None, "rita"),
    ("strayed", "promoted", "1", None, "model.yaml"),
    ("basket", "promoted", "1", None, "rita"),
    ("digits", "promoted", "2", "1", "reviewer"),
    ("points", "promoted", "2", "1", "reviewer"),
    ("points", "rolled back", "1", "2", "rita"),
    ("basket", "reverted", "2", "1", "jinsu"),
    ("strayed", "promoted", "2", "1", "rita"),
    ("by_hand", "moved by hand", "2", "1", "mlflow"),
]
WAITING, STEPPING = "points-a7fea3ae76", "digits-4ac275e31e"


def rows(url: str, question: str) -> list[tuple[Any, ...]]:
    """Every row that a statement selects. url: as SQLAlchemy writes it."""
    with psycopg.connect("postgresql" + url[url.index("://") :]) as connection:
        return connection.execute(question.encode()).fetchall()


@pytest.fixture
def former(empty_database: str) -> str:
    """The address of Jinsu's database as version 0.1 left it."""
    load_former(empty_database)
    return empty_database


# --- What the dump holds; these tests know version 0.1's schema and never change ---


def test_the_dump_is_of_the_first_revision_and_complete(former: str) -> None:
    assert value(former, "SELECT version_num FROM alembic_version") == "0001"
    tables = {name for (name,) in rows(former, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables == {*ROWS, "alembic_version"}
    assert {table: value(former, f"SELECT count(*) FROM {table}") for table in ROWS} == ROWS


def test_the_dump_holds_runs_of_every_kind_of_end(former: str) -> None:
    states = dict(rows(former, "SELECT state, count(*) FROM submissions GROUP BY state"))
    assert states == {"succeeded": 8, "failed": 4, "cancelled": 2, "running": 2}
    teams = dict(rows(former, "SELECT team, count(*) FROM submissions GROUP BY team"))
    assert teams == {"default": 14, "shopping": 2}
    people = dict(rows(former, "SELECT submitter, count(*) FROM submissions GROUP BY submitter"))
    assert people == {"anna": 14, "rita": 1, "root": 1}
    failed = rows(
        former, "SELECT split_part(reason, ':', 1), count(*) FROM submissions WHERE state = 'failed' GROUP BY 1"
    )
    assert dict(failed) == {"review": 2, "canary": 1, "evaluate": 1}


def test_the_dump_holds_reviews_through_every_door(former: str) -> None:
    answers = rows(former, "SELECT state, reviewer, via, count(*) FROM reviews GROUP BY 1, 2, 3")
    assert {answer[:3]: answer[3] for answer in answers} == {
        ("approved", "rita", "cli"): 5,
        ("approved", "reviewer", "mlflow"): 2,
        ("approved", "reviewer", "airflow"): 1,
        ("approved", "model.yaml", "spec"): 2,
        ("rejected", "rita", "cli"): 1,
        ("rejected", "reviewer", "airflow"): 1,
        ("cancelled", None, None): 1,
        ("open", None, None): 1,
    }
    assert value(former, "SELECT submission FROM reviews WHERE state = 'open'") == WAITING


def test_the_dump_holds_what_served_when(former: str) -> None:
    assert rows(former, "SELECT model, event, version, previous, actor FROM ledger ORDER BY id") == LEDGER
    assert dict(rows(former, "SELECT model, champion FROM endpoints")) == CHAMPIONS
    phases = dict(rows(former, "SELECT phase, count(*) FROM rollouts GROUP BY phase"))
    assert phases == {"promoted": 8, "reverted": 1, "stepping": 1}
    assert value(former, "SELECT submission FROM rollouts WHERE phase = 'stepping'") == STEPPING


def test_the_dump_holds_the_users_whose_tokens_are_known(former: str) -> None:
    tokens = {name: hashlib.sha256(token.encode()).hexdigest() for name, token in former_tokens().items()}
    assert dict(rows(former, "SELECT name, token_sha256 FROM users")) == tokens
    roles = {"root": "admin", "reviewer": "reviewer", "rita": "reviewer", "anna": "researcher"}
    assert dict(rows(former, "SELECT name, role FROM users")) == roles


def test_the_registry_of_the_same_moment_names_the_same_champions(empty_database: str) -> None:
    load_former(empty_database, Dump.MLFLOW)
    aliases = rows(empty_database, "SELECT name, alias, version::text FROM registered_model_aliases")
    assert {name: version for name, alias, version in aliases if alias == "champion"} == CHAMPIONS
    assert [(name, version) for name, alias, version in aliases if alias == "challenger"] == [("digits", "3")]
    assert value(empty_database, "SELECT count(*) FROM model_versions") == ROWS["candidates"]


# --- What this version makes of it ---


@pytest.fixture
def upgraded(former: str) -> Database:
    """The same database after the migration."""
    database = Database(former)
    database.migrate()
    return database


def test_an_upgraded_database_has_the_schema_of_a_new_one(upgraded: Database) -> None:
    assert upgraded.current()
    with engine(upgraded.url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_an_upgrade_keeps_every_run_review_rollout_and_champion(upgraded: Database) -> None:
    kept = {table: value(upgraded.url, f"SELECT count(*) FROM {table}") for table in ROWS if table != "users"}
    assert kept == {table: count for table, count in ROWS.items() if table != "users"}
    assert dict(rows(upgraded.url, "SELECT model, champion FROM endpoints")) == CHAMPIONS
    with upgraded.begin() as session:
        for row in session.scalars(select(Submission)):
            rules, spec = rules_of(row), spec_of(row)
            assert (rules.problem, spec.name, rules.dataset) == (row.model, row.model, row.dataset)
        basket = session.scalars(select(Submission).where(Submission.model == "basket")).first()
        assert basket is not None
        assert spec_of(basket).train.trials == [{"features": 1}, {"features": 2}]


def test_tokens_of_before_still_open_the_api(upgraded: Database) -> None:
    people = {name: recognise(upgraded, token, TokenUse.API) for name, token in former_tokens().items()}
    both = {"default", "shopping"}
    assert {name: person and (person.admin, dict(person.teams)) for name, person in people.items()} == {
        "root": (True, dict.fromkeys(both, Role.OWNER)),
        "reviewer": (False, dict.fromkeys(both, Role.REVIEWER)),
        "rita": (False, dict.fromkeys(both, Role.REVIEWER)),
        "anna": (False, dict.fromkeys(both, Role.RESEARCHER)),
    }


def test_the_ledger_of_before_becomes_a_chain_that_goes_on(upgraded: Database) -> None:
    with upgraded.begin() as session:
        found = ledger.verify(session)
    assert (found.entries, found.faults) == (len(LEDGER), ())
    with upgraded.begin() as session:
        ledger.append(session, ledger.Entry("test", "digits", LedgerEvent.ROLLED_BACK, "1", "2", "rita"))
    with upgraded.begin() as session:
        assert ledger.verify(session, found.head).faults == ()
        session.execute(text("ALTER TABLE ledger DISABLE TRIGGER USER"))  # as an administrator of the database could
        session.execute(text("UPDATE ledger SET actor = 'somebody' WHERE id = 3"))
    with upgraded.begin() as session:
        assert ledger.verify(session).faults != ()


def test_versions_keep_the_right_to_serve_that_their_reviews_gave(upgraded: Database) -> None:
    standings = Standings(upgraded)
    served = [("digits", "1"), ("digits", "2"), ("points", "2"), ("strayed", "1"), ("strayed", "2"), ("by_hand", "2")]
    assert all(standings.of(model, version).may_serve for model, version in served)
    under_way = standings.of("digits", "3")
    assert under_way.may_serve, under_way
    refused = {version: standings.of("points", version) for version in ("3", "4", "5")}
    assert not any(standing.may_serve for standing in refused.values())
    assert refused["3"].reason.startswith("rita rejected version 3")


def test_splits_of_before_stay_as_they_were(upgraded: Database) -> None:
    """A fresh secret would hand rows to training on which champions were judged."""
    salts = dict(rows(upgraded.url, "SELECT problem, salt FROM problem_splits"))
    assert salts == dict.fromkeys(CHAMPIONS, "")
    table = pa.table({"a": list(range(400)), "label": [index % 2 for index in range(400)]})
    plan = without_salt(table.column_names, Split(holdout=0.2))
    hashes = [
        hashlib.blake2b(repr(row).encode(), digest_size=8).digest()
        for row in zip(*table.to_pydict().values(), strict=True)
    ]
    as_before = [int.from_bytes(digest, "big") < int(0.2 * 2**64) for digest in hashes]
    assert held_out(table, plan, b"").tolist() == as_before


def test_a_migration_that_is_repeated_changes_nothing(upgraded: Database) -> None:
    before = rows(upgraded.url, "SELECT * FROM ledger ORDER BY id")
    upgraded.migrate()
    assert rows(upgraded.url, "SELECT * FROM ledger ORDER BY id") == before


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger SET actor = 'x'", "DELETE FROM ledger", "TRUNCATE ledger", "DELETE FROM audit"]
)
def test_the_platforms_own_role_cannot_change_what_is_only_appended(upgraded: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="only ever appended"), upgraded.begin() as session:
        session.execute(text(statement))
