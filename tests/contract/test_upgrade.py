"""An upgrade from version 0.1, tested from a database that version 0.1 made (tests/support/version_0_1/README.md)."""

import hashlib
from typing import Any

import psycopg
import pytest
from tests.support.former_version import Dump, former_tokens, load_former
from tests.support.postgres import value

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
