"""Notifications of changed rows, from the PostgreSQL of the wheel: which changes cause one, and what the triggers leave alone."""

import contextlib
import functools
import logging
import select
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from tests.support.pool import deaf_pool
from tests.support.postgres import PASSWORD, execute, heard, value

from jinsu.clients import notifications as module
from jinsu.clients.notifications import Notifications, Subscription, WatchedTable
from jinsu.errors import TransientError
from jinsu.servers.postgres import Postgres

RUNS = (WatchedTable("runs", ("state",)),)
INSERT = "INSERT INTO runs VALUES (1, 'queued', 0)"
TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname = 'jinsu_notify'"


@pytest.fixture
def url(empty_database: str) -> str:
    """A database with a table of runs."""
    execute(empty_database, "CREATE TABLE runs (id int, state text, seen int)")
    return empty_database


@contextlib.contextmanager
def listening(url: str, tables: tuple[WatchedTable, ...] = RUNS) -> Iterator[Notifications]:
    with contextlib.closing(Notifications(url, tables)) as notifications:
        yield notifications


# --- Which changes cause a notification ---


def test_rows_and_the_named_columns_alone_cause_a_notification(url: str) -> None:
    with listening(url) as notifications:
        execute(url, INSERT)
        assert heard(notifications) == {"runs"}

        execute(url, "UPDATE runs SET seen = 1", "UPDATE runs SET state = 'queued'")
        assert heard(notifications) == set(), "a process that notes what it saw would wake itself"

        execute(url, "UPDATE runs SET state = 'running'")
        assert heard(notifications) == {"runs"}
        execute(url, "DELETE FROM runs")
        assert heard(notifications) == {"runs"}


def test_a_notification_that_arrives_during_a_question_is_kept(url: str) -> None:
    with listening(url) as notifications:
        execute(url, INSERT)
        select.select([notifications], [], [], 5)
        assert notifications.ask("SELECT EXISTS (SELECT FROM runs)")
        assert not notifications.ask("SELECT EXISTS (SELECT FROM runs WHERE seen > 0)")
        assert notifications.changed() == {"runs"}


def test_words_of_others_on_the_channel_are_no_tables(url: str) -> None:
    with listening(url) as notifications:
        execute(url, "NOTIFY jinsu, 'passwords'")
        assert heard(notifications) == set()


# --- What the triggers leave alone ---


def test_the_owner_of_a_watched_table_may_alter_it(url: str) -> None:
    with listening(url) as notifications:
        execute(url, "ALTER TABLE runs ALTER COLUMN state TYPE varchar(20)", INSERT)
        execute(url, "ALTER TABLE runs RENAME COLUMN state TO phase", "UPDATE runs SET phase = 'running'")
        execute(url, "ALTER TABLE runs DROP COLUMN phase", "UPDATE runs SET seen = 1")
        execute(url, "ALTER TABLE runs RENAME TO attempts", "INSERT INTO attempts VALUES (2, 0)", "DROP TABLE attempts")
        assert heard(notifications) == {"runs"}


def test_a_row_that_cannot_be_compared_is_written_all_the_same(url: str) -> None:
    execute(
        url,
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE FUNCTION refuse(mood) RETURNS json LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$",
        "CREATE CAST (mood AS json) WITH FUNCTION refuse(mood)",
        "ALTER TABLE runs ADD COLUMN mood mood DEFAULT 'good'",
        INSERT,
    )
    with listening(url) as notifications:
        execute(url, "UPDATE runs SET seen = 1")
        assert value(url, "SELECT seen FROM runs") == 1
        assert heard(notifications) == {"runs"}


def test_the_schema_is_changed_once(url: str) -> None:
    """A second listener must not wait for the table, nor make others wait."""
    with listening(url):
        pass
    defined = value(url, "SELECT xmin::text || ' ' || oid FROM pg_trigger WHERE tgname = 'jinsu_notify'")
    with psycopg.connect(url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        with listening(url):
            pass
    assert value(url, "SELECT xmin::text || ' ' || oid FROM pg_trigger WHERE tgname = 'jinsu_notify'") == defined


def test_a_table_that_is_in_use_is_given_up_soon(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", "")) as other:
        other.execute(INSERT)
        begun = time.monotonic()
        with pytest.raises(TransientError, match="lock timeout"):
            Notifications(url, RUNS)
        assert time.monotonic() - begun < 60
    with listening(url):
        assert value(url, TRIGGERS) == 1


def test_another_version_of_the_trigger_is_replaced(url: str) -> None:
    with listening(url, (WatchedTable("runs", ("seen",)),)):
        pass
    with listening(url) as notifications:
        assert value(url, TRIGGERS) == 1
        execute(url, INSERT)
        assert heard(notifications) == {"runs"}
        execute(url, "UPDATE runs SET seen = 1")
        assert heard(notifications) == set()


def test_several_listeners_may_begin_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        listeners = list(pool.map(lambda _: Notifications(url, RUNS), range(4)))
    execute(url, INSERT)
    assert [heard(listener) for listener in listeners] == [{"runs"}] * 4
    for listener in listeners:
        listener.close()


def test_a_dump_holds_them(url: str, server: Postgres) -> None:
    with listening(url):
        pass
    server.create_databases(PASSWORD, ("restored",))
    names = [str(server.sockets), url.rpartition("/test_")[2].partition("?")[0]]
    run = functools.partial(subprocess.run, env={"PGPASSWORD": PASSWORD}, check=True, capture_output=True)
    common = ["-h", names[0], "-U", "jinsu"]
    dump = run([server.binaries / "pg_dump", *common, f"test_{names[1]}"])
    run([server.binaries / "psql", *common, "-v", "ON_ERROR_STOP=1", "restored"], input=dump.stdout)
    restored = server.url("restored", PASSWORD)
    defined = value(restored, "SELECT xmin::text FROM pg_trigger WHERE tgname = 'jinsu_notify'")
    with listening(restored) as notifications:
        execute(restored, INSERT)
        assert heard(notifications) == {"runs"}
    assert value(restored, "SELECT xmin::text FROM pg_trigger WHERE tgname = 'jinsu_notify'") == defined


def test_one_statement_removes_everything(url: str) -> None:
    with listening(url):
        pass
    comment = str(value(url, "SELECT obj_description('jinsu_notify()'::regprocedure)"))
    statement = comment.partition("triggers: ")[2].partition(". ")[0]
    assert statement == "DROP FUNCTION jinsu_notify() CASCADE"
    execute(url, statement, INSERT)
    assert value(url, TRIGGERS) == 0
    with listening(url):
        assert value(url, TRIGGERS) == 1, "the next listener puts it back"


# --- When there are no notifications ---


def test_an_account_without_the_right_hears_why(url: str, server: Postgres) -> None:
    execute(
        url,
        f"DO $$BEGIN CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; EXCEPTION WHEN duplicate_object THEN NULL; END$$",
        "GRANT SELECT ON runs TO reader",
    )
    reader = url.replace("//jinsu:", "//reader:")
    with pytest.raises(TransientError, match=r"^The database test_\d+ sends no notifications, .* permission denied"):
        Notifications(reader, RUNS)
    assert value(url, TRIGGERS) == 0
    with listening(url), listening(reader) as notifications:  # where the triggers are, the right is not needed
        execute(url, INSERT)
        assert heard(notifications) == {"runs"}


def test_a_pool_that_delivers_nothing_is_noticed_and_nothing_is_changed(
    url: str, server: Postgres, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SELF_TEST_SECONDS", 0.5)
    with (
        deaf_pool(server.sockets, short),
        pytest.raises(TransientError, match="PgBouncer needs pool_mode = session"),
    ):
        Notifications(url.replace(str(server.sockets), str(short)), RUNS)
    assert value(url, TRIGGERS) == 0


def test_a_missing_table_is_named(url: str) -> None:
    with pytest.raises(TransientError, match='relation "attempts" does not exist'):
        Notifications(url, (WatchedTable("attempts", ("state",)),))


def test_an_address_that_postgresql_does_not_understand_says_so(url: str) -> None:
    with pytest.raises(TransientError, match=r"^The database test_\d+ sends no .* invalid URI query parameter"):
        Notifications(f"{url}&pool_size=3", RUNS)


def test_a_connection_that_was_cut_says_so(url: str) -> None:
    with listening(url) as notifications:
        execute(
            url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jinsu notifications'"
        )
        with pytest.raises(TransientError, match=r"closed|terminat"):
            heard(notifications)
        with pytest.raises(TransientError):
            notifications.ask("SELECT true")


def test_no_password_is_shown(url: str, server: Postgres) -> None:
    with pytest.raises(TransientError) as caught:
        Notifications(url.replace("/test_", "/gone_"), RUNS)
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(Subscription(url, RUNS))


# --- A subscription ---


def test_a_failure_is_logged_once_and_tried_again_after_growing_pauses(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "jinsu")
    monkeypatch.setattr(module, "_FIRST_PAUSE_SECONDS", 2.0)
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    execute(url, "ALTER TABLE runs RENAME TO attempts")
    subscription, attempts = Subscription(url, RUNS), list[int]()
    for second in range(10):
        before, clock.now = subscription.next_attempt, 1000.0 + second
        assert subscription.current() is None
        if subscription.next_attempt != before:
            attempts.append(second)
    assert attempts == [0, 2, 6], "at once, after 2 s, after 4 s more"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]

    execute(url, "ALTER TABLE attempts RENAME TO runs")
    clock.now += 100
    notifications = subscription.current()
    assert notifications is not None
    assert subscription.current() is notifications
    assert caplog.records[-1].getMessage() == "PostgreSQL notifies of changes in runs"

    subscription.failed(TransientError("cut"))
    assert subscription.current() is None
    clock.now += 2.1
    assert subscription.current() is not None, "after a success the first pause is short again"
    subscription.close()


@pytest.mark.parametrize("kind", ["switched off", "another database"])
def test_where_there_are_no_notifications_nothing_is_asked(
    url: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    subscription = Subscription(url, RUNS, False) if kind == "switched off" else Subscription("sqlite://", RUNS)
    assert subscription.current() is None
    assert value(url, TRIGGERS) == 0
    assert caplog.records == []
