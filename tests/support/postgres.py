"""The PostgreSQL of the wheel, as `jinsu up` starts it."""

import contextlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from jinsu.clients.notifications import Notifications
from jinsu.servers import postgres

PASSWORD = "only-for-this-test"


@contextlib.contextmanager
def running_server() -> Iterator[postgres.Postgres]:
    """A server in a folder of its own; both are gone afterwards. As root it runs as nobody."""
    home = Path(tempfile.mkdtemp(prefix="jinsu-test-"))
    home.chmod(0o711)
    found = postgres.locate(home, home)
    process = None
    try:
        found.initialise(PASSWORD)
        program = found.program()
        with (home / "postgres.log").open("wb") as log:
            process = subprocess.Popen(program.command, cwd=program.folder, stdout=log, stderr=log)
        yield found
    finally:
        if process:
            process.send_signal(signal.SIGINT)  # ends connections, as supervisord does
            process.wait(60)
        postgres.erase(home)
        shutil.rmtree(home, ignore_errors=True)


def execute(url: str, *statements: str) -> None:
    """Each statement in a transaction of its own. url: as SQLAlchemy writes it."""
    with psycopg.connect("postgresql" + url[url.index("://") :], autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def value(url: str, question: str) -> object:
    """The first column of the first row that a statement selects."""
    with psycopg.connect("postgresql" + url[url.index("://") :], autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def heard(notifications: Notifications) -> frozenset[str]:
    """What arrives first, within half a second."""
    deadline = time.monotonic() + 0.5
    while not (found := notifications.changed()):
        if not select.select([notifications], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
    return found
