"""A backup against real databases and a real store: what it holds, what it refuses, and an installation that it fills."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError
from tests.support.datasets import put_dataset
from tests.support.done_steps import write_step
from tests.support.object_store import BUCKET, KEYS, client, running_store
from tests.support.people import make_people
from tests.support.postgres import PASSWORD, execute, running_server, value
from tests.support.stage_bench import settings_of
from tests.support.waiting import eventually

from jinsu.backup.cluster import restore_on_kubernetes
from jinsu.backup.index import NAME, Index
from jinsu.backup.make import Backup
from jinsu.backup.restore import _running, read_index, restore, secrets, verify
from jinsu.backup.target import Folder, open_target
from jinsu.errors import BadInputError, ConflictError, NotFoundError, TransientError
from jinsu.installation import Installation
from jinsu.local.new_settings import runtime_folder
from jinsu.objects.s3 import S3Settings
from jinsu.placement.kubernetes import Cluster, Servers
from jinsu.servers.postgres import Postgres, erase, locate
from jinsu.settings import Account, Kubernetes
from jinsu.state.database import engine
from jinsu.state.states import LedgerEvent, SubmissionState
from jinsu.state.tables import LedgerEntry, Submission

KEY = "d" * 64
NAMES = ("jinsu", "airflow", "mlflow")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_server() as found:
        found.create_databases(PASSWORD, tuple(f"{name}_{copy}" for name in NAMES for copy in ("old", "new")))
        yield found


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running_store() as port:
        yield port


def installation(server: Postgres, port: int, home: Path, copy: str, **more: Any) -> Installation:
    """An installation on Kubernetes, with databases and a part of the bucket of its own."""
    urls = {
        "database_url": server.url(f"jinsu_{copy}", PASSWORD),
        "airflow_database_url": server.url(f"airflow_{copy}", PASSWORD, "psycopg2"),
        "mlflow_database_url": server.url(f"mlflow_{copy}", PASSWORD, "psycopg2"),
    }
    servers = Servers("image", "jinsu", "catalog", "store", "keys", {})
    place = Kubernetes("jinsu", "catalog", "", "", Cluster({"a": "team-a"}, "t", "r"), servers)
    store = S3Settings(BUCKET, f"http://127.0.0.1:{port}", prefix=copy, access_key=KEYS[0], secret_key=KEYS[1])
    home.mkdir(exist_ok=True)
    return Installation(settings_of(home, **{**urls, "kubernetes": place, "object_store": store, **more}))


@pytest.fixture
def old(server: Postgres, port: int, tmp_path: Path) -> Installation:
    """One with people, a run, an entry of the ledger, a dataset version, and rows in the other databases."""
    for name in NAMES:
        execute(server.url(f"{name}_old", PASSWORD), "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        execute(server.url(f"{name}_new", PASSWORD), "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    client(port, "old").delete("")
    client(port, "new").delete("")
    made = installation(server, port, tmp_path / "old", "old")
    made.database.migrate()
    make_people(made.database)
    with made.database.begin() as session:
        session.add(_run())
        session.add(_entry())
    for name in ("airflow", "mlflow"):
        execute(
            server.url(f"{name}_old", PASSWORD), "CREATE TABLE kept (word text)", f"INSERT INTO kept VALUES ('{name}')"
        )
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one").write_bytes(os.urandom(50_000))
    put_dataset(made.objects, "pictures", tmp_path / "pictures", "ann")
    return made


def _run() -> Submission:
    texts = {"submitter": "ann", "idempotency_key": "1", "model": "m", "team": "default", "problem": "p"}
    return Submission(
        id="m-1", **texts, spec={}, rules={}, code_params={}, code_digest="a" * 64, dataset="d@1",
        state=SubmissionState.SUCCEEDED, created=1.0, ended=2.0,
    )  # fmt: skip


def _entry() -> LedgerEntry:
    return LedgerEntry(
        at=1.0, model="m", event=LedgerEvent.PROMOTED, version="1", actor="ann", identity="one", hash="0" * 64
    )


def quiet(_: str) -> None:
    pass


def test_an_empty_installation_on_kubernetes_becomes_a_copy(
    old: Installation, server: Postgres, port: int, tmp_path: Path
) -> None:
    target = open_target("s3://objects/backups", old.settings.object_store)
    Backup(old, target).take(quiet)
    new = installation(server, port, tmp_path / "new", "new")
    new.database.migrate()  # as the chart does at its installation
    make_people(new.database)
    restore_on_kubernetes(target, new, quiet)

    with new.database.begin() as session:
        assert session.get_one(Submission, "m-1").submitter == "ann"
    assert value(new.settings.airflow_database_url, "SELECT word FROM kept") == "airflow"
    assert value(new.settings.mlflow_database_url, "SELECT word FROM kept") == "mlflow"
    version = new.datasets.resolve("pictures")
    assert (new.steps.out(version.step) / "content" / "one").read_bytes() == (tmp_path / "pictures" / "one").read_bytes()
    assert new.database.current()
    with pytest.raises(ConflictError, match="has runs already"):
        restore_on_kubernetes(target, new, quiet)


def test_an_empty_home_becomes_a_copy(old: Installation, tmp_path: Path) -> None:
    """On one machine: with a database server of its own, and with every object that was whole."""
    machine = Installation(replace(old.settings, home=str(tmp_path / "machine"), kubernetes=None, object_store=None))
    (tmp_path / "machine").mkdir()
    put_dataset(machine.objects, "pictures", tmp_path / "pictures", "ann")
    write_step(machine.objects, KEY, {"report.json": b"7"})
    unfinished = machine.settings.steps / ("e" * 64)
    (unfinished / "out").mkdir(parents=True)
    (unfinished / "out" / "half").touch()
    (tmp_path / "machine" / "tokens").mkdir()
    (tmp_path / "machine" / "tokens" / "ann").write_text("a token")
    target, home = Folder(tmp_path / "backup"), tmp_path / "restored"
    Backup(machine, target).take(quiet)
    try:
        settings = restore(target, home, 21000, quiet)
        assert configuration(home)["fernet_key"] == machine.settings.fernet_key
        assert (settings.home, settings.api_url) == (str(home), "http://127.0.0.1:21000")
        assert (home / "tokens" / "ann").read_text() == "a token"
        copy = Installation(settings)
        assert copy.steps.document(int, KEY, "report.json") == 7
        assert (copy.steps.out(copy.datasets.resolve("pictures").step) / "content" / "one").stat().st_size == 50_000
        assert not (copy.settings.steps / ("e" * 64)).exists()
        with _running(locate(home, Path(settings.runtime))):
            eventually(lambda: _answers(copy), within=20)
            with copy.database.begin() as session:
                assert session.get_one(Submission, "m-1").submitter == "ann"
            assert value(settings.airflow_database_url, "SELECT word FROM kept") == "airflow"
            engine(copy.database.url).dispose()
        with pytest.raises(ConflictError, match="there is an installation already"):
            restore(target, home, None, quiet)
    finally:
        erase(home)
        shutil.rmtree(runtime_folder(home), ignore_errors=True)


def _answers(installation: Installation) -> bool:
    try:
        return installation.database.current()
    except SQLAlchemyError:
        return False


def configuration(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "settings.json").read_text())
    return found


def test_other_secrets_are_refused(old: Installation, server: Postgres, port: int, tmp_path: Path) -> None:
    """The held-out rows of every problem follow from them."""
    target = Folder(tmp_path / "backup")
    Backup(old, target).take(quiet)
    assert secrets(target, read_index(target))["JINSU_FERNET_KEY"] == old.settings.fernet_key
    other = installation(server, port, tmp_path / "new", "new", fernet_key="another")
    with pytest.raises(BadInputError, match="put those of `jinsu restore --secrets TARGET` into its Secret first"):
        restore_on_kubernetes(target, other, quiet)
    with pytest.raises(BadInputError, match="is of an installation on kubernetes; see docs"):
        restore(target, tmp_path / "home", None, quiet)


def test_a_second_backup_copies_what_is_new_and_drops_what_is_gone(old: Installation, tmp_path: Path) -> None:
    target = Folder(tmp_path / "backup")
    first = Backup(old, target).take(quiet)
    (tmp_path / "pictures" / "two").write_bytes(b"2")
    put_dataset(old.objects, "pictures", tmp_path / "pictures", "ann")
    store = old.objects.store
    assert store is not None
    gone = next(name for name in first.files if name.startswith("objects/datasets") and name.endswith("manifest.json"))
    store.delete(gone.removeprefix("objects/"))
    sent: list[str] = []
    whole = target.put
    target.put = lambda path, key: (sent.append(key), whole(path, key))[1]  # type: ignore[method-assign, func-returns-value]
    second = Backup(old, target).take(quiet)
    one = next(file for name, file in first.files.items() if name.endswith("content/one"))
    assert one.place not in sent
    assert sorted(target.keys("data/")) == sorted({file.place for file in second.files.values()})
    assert gone not in second.files
    verify(target, second)


def test_a_backup_that_is_cut_off_leaves_the_one_before(old: Installation, tmp_path: Path) -> None:
    target = Folder(tmp_path / "backup")
    first = Backup(old, target).take(quiet)
    (tmp_path / "pictures" / "two").write_bytes(b"2")
    put_dataset(old.objects, "pictures", tmp_path / "pictures", "ann")
    whole, kept = target.put, 0

    def put(path: Path, key: str) -> None:
        nonlocal kept
        kept += 1
        if kept == 3:
            raise TransientError("the disk is full")
        whole(path, key)

    target.put = put  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        Backup(old, target).take(quiet)
    assert read_index(target) == first
    verify(target, first)


def test_what_is_damaged_or_missing_is_named(old: Installation, tmp_path: Path) -> None:
    target = Folder(tmp_path / "backup")
    index = Backup(old, target).take(quiet)
    name, file = next(item for item in index.files.items() if item[0].endswith("content/one"))
    content = (tmp_path / "backup" / file.place).read_bytes()
    (tmp_path / "backup" / file.place).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadInputError, match=f"{name} is not what was kept"):
        verify(target, index)
    (tmp_path / "backup" / file.place).unlink()
    with pytest.raises(BadInputError, match=f"the content of {name} is missing"):
        verify(target, index)
    with pytest.raises(NotFoundError, match="there is no backup"):
        read_index(Folder(tmp_path / "nothing"))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"{}", b'{"format": 1}', b"\xff", b'{"format": 2}',
        b'{"format": 1, "jinsu": "", "at": 0, "where": "", "files": {"../x": {"sha256": "%s", "size": 1}}}' % (b"a" * 64),
        b'{"format": 1, "jinsu": "", "at": 0, "where": "", "files": {"x": {"sha256": "../../../etc", "size": 1}}}',
    ],
)  # fmt: skip
def test_what_is_no_index_is_refused(text: bytes, tmp_path: Path) -> None:
    Folder(tmp_path).write(NAME, text)
    with pytest.raises(BadInputError):
        read_index(Folder(tmp_path))


def test_nobody_else_may_read_a_backup(old: Installation, tmp_path: Path) -> None:
    Backup(old, open_target(str(tmp_path / "backup"), None)).take(quiet)
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


def test_a_database_that_does_not_answer_ends_in_a_sentence(old: Installation, tmp_path: Path) -> None:
    away = Installation(replace(old.settings, database_url="postgresql+psycopg://jinsu@127.0.0.1:1/jinsu"))
    with pytest.raises(TransientError, match=r"database jinsu: pg_dump failed: [^\n]*; is the platform running"):
        Backup(away, Folder(tmp_path / "backup")).take(quiet)
    assert not (tmp_path / "backup" / NAME).exists()


def test_an_index_comes_back_as_it_was(old: Installation, tmp_path: Path) -> None:
    began = time.time()
    index = Backup(old, Folder(tmp_path / "backup")).take(quiet)
    assert Index.from_json(index.to_json()) == index
    assert began - 1 <= index.at <= time.time()
    assert {f"databases/{name}.dump" for name in NAMES} <= set(index.files)


def test_the_password_of_a_database_is_no_argument(
    old: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jinsu.backup import databases

    seen: list[str] = []
    whole = databases.subprocess.run

    def run(command: list[str], **more: Any) -> Any:
        seen.extend(command)
        return whole(command, **more)

    monkeypatch.setattr(databases.subprocess, "run", run)
    Backup(old, Folder(tmp_path / "backup")).take(quiet)
    assert seen
    assert not [word for word in seen if PASSWORD in word]


def test_accounts_are_in_it(old: Installation, tmp_path: Path) -> None:
    """`Account` holds a password, which a plain `repr` would leave out."""
    target = Folder(tmp_path / "backup")
    index = Backup(Installation(replace(old.settings, mlflow=Account("admin", "the-password"))), target).take(quiet)
    assert secrets(target, index)["JINSU_MLFLOW_PASSWORD"] == "the-password"
