"""Makes an empty installation a copy of the one that a backup was taken of.

Everything is verified before anything is written. The settings come last: without them there is no installation, and a
restore that was cut off leaves a home that the next one fills anew.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from jinsu.backup.databases import databases, load
from jinsu.backup.index import NAME, File, Index
from jinsu.backup.make import SETTINGS
from jinsu.errors import BadInputError, ConflictError, NotFoundError
from jinsu.files import file_digest
from jinsu.home import SETTINGS_NAME
from jinsu.local.new_settings import DEFAULT_PORT, at_port, new_settings, runtime_folder
from jinsu.local.preflight import make_home, make_runtime
from jinsu.objects.store import Store
from jinsu.servers import postgres
from jinsu.settings import Settings, Where, parse

Say = Callable[[str], None]

_STOP_SECONDS = 30.0


def read_index(target: Store) -> Index:
    """Raises NotFoundError when there is no backup."""
    text = target.read(NAME)
    if text is None:
        raise NotFoundError(f"there is no backup: {NAME} is missing; a backup is whole when that file is there.")
    return Index.from_json(text)


def verify(target: Store, index: Index) -> None:
    """Reads all contents. Raises BadInputError for one that is missing or has another digest than when it was kept."""
    with tempfile.TemporaryDirectory(prefix="jinsu-restore-") as place:
        for digest, name in {file.sha256: name for name, file in index.files.items()}.items():
            bring(target, name, index.files[name], Path(place) / digest)
            (Path(place) / digest).unlink()


def secrets(target: Store, index: Index) -> dict[str, str]:
    """What an installation on Kubernetes needs of a backup before it can be restored, by the names in the chart's Secret."""
    kept = read_settings(target, index)
    return {
        "JINSU_FERNET_KEY": kept.fernet_key,
        "JINSU_AIRFLOW_SECRET": kept.airflow_secret,
        "JINSU_MLFLOW_SECRET": kept.mlflow_secret,
        "JINSU_MLFLOW_PASSWORD": kept.mlflow.password,
    }


def restore(target: Store, home: Path, port: int | None, say: Say) -> Settings:
    """Fills the empty home of this machine; returns the settings of the installation, which is not started yet.

    port: the first of six; None for those that the backup names. Raises ConflictError when there is an installation.
    """
    if (home / SETTINGS_NAME).exists():
        raise ConflictError(f"{home}: there is an installation already; restore into a new JINSU_HOME.")
    index = read_index(target)
    if index.where != Where.MACHINE:
        raise BadInputError(
            f"the backup is of an installation on {index.where}; see docs/backup.md for how to restore it."
        )
    say(f"verifying {len(index.files)} files")
    verify(target, index)
    if home.exists():
        _refuse_used(home)
    make_home(home)
    settings = _settings(read_settings(target, index), home, port)
    try:
        for name, file in (*index.part("home").items(), *_objects(index)):
            bring(target, name, file, home / name)
            (home / name).chmod(0o600)
        say("databases")
        _fill_databases(target, index, settings)
    except BaseException:
        postgres.erase(home)
        shutil.rmtree(home, ignore_errors=True)
        raise
    settings.write()
    return settings


def _objects(index: Index) -> Iterator[tuple[str, File]]:
    return ((f"objects/{name}", file) for name, file in index.part("objects").items())


def _refuse_used(home: Path) -> None:
    """Raises ConflictError when the home holds data of an earlier installation."""
    for name in ("objects/datasets", "objects/code", "postgres/data"):
        if (home / name).exists():
            raise ConflictError(f"{home}: holds {name} of another installation; restore into a new JINSU_HOME.")


def bring(target: Store, name: str, file: File, path: Path) -> None:
    """Writes a file of the backup to `path`. Raises BadInputError when its content is missing, or is not what was kept."""
    try:
        target.get(file.place, path)
    except NotFoundError:
        raise BadInputError(f"the backup is damaged: the content of {name} is missing; take another backup.") from None
    if file_digest(path) != file.sha256:
        path.unlink()
        raise BadInputError(f"the backup is damaged: {name} is not what was kept; take another backup.")


def read_settings(target: Store, index: Index) -> Settings:
    """The settings that the backup holds."""
    text = target.read(index.files[SETTINGS].place)
    assert text is not None
    try:
        return parse(json.loads(text), os.environ)
    except TypeError as problem:
        raise BadInputError(f"{SETTINGS}: is of another version of Jinsu ({index.jinsu}): {problem}.") from None


def _settings(kept: Settings, home: Path, port: int | None) -> Settings:
    """What was set, and the secrets; the places and the passwords of this machine are new."""
    runtime = runtime_folder(home)
    make_runtime(runtime)
    own = new_settings(home, runtime, port or DEFAULT_PORT)
    moved = replace(
        kept,
        home=own.home,
        runtime=own.runtime,
        database_url=own.database_url,
        airflow_database_url=own.airflow_database_url,
        mlflow_database_url=own.mlflow_database_url,
        supervisor_password=own.supervisor_password,
        max_gpus=own.max_gpus,
    )
    return moved if port is None else at_port(moved, port)


def _fill_databases(target: Store, index: Index, settings: Settings) -> None:
    server = postgres.locate(Path(settings.home), Path(settings.runtime))
    password = urlsplit(settings.database_url).password or ""
    server.initialise(password)
    with _running(server), tempfile.TemporaryDirectory(prefix="jinsu-restore-") as place:
        server.create_databases(password, tuple(databases(settings)))
        for name, url in databases(settings).items():
            path = Path(place) / name
            bring(target, f"databases/{name}.dump", index.files[f"databases/{name}.dump"], path)
            load(name, url, path)


@contextmanager
def _running(server: postgres.Postgres) -> Iterator[None]:
    """The server, until the databases are filled."""
    program = server.program()
    process = subprocess.Popen(
        program.command,
        cwd=program.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
