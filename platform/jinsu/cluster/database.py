"""PostgreSQL for trying Jinsu out: one server, one disk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from jinsu.cluster.become import become
from jinsu.cluster.volume import require_writable
from jinsu.servers import postgres

OPTIONS = {"listen_addresses": "*", "max_connections": "300", "shared_buffers": "128MB"}
"""What differs from the PostgreSQL of one machine."""
_SOCKETS = Path("/tmp")  # noqa: S108  # a pod has its own
_ACCESS = "local all all scram-sha-256\nhost all all all scram-sha-256\n"


def start() -> None:
    """Creates the database cluster when there is none, and becomes its server."""
    home, password = Path(os.environ["JINSU_DATABASE_FOLDER"]), os.environ["JINSU_DATABASE_PASSWORD"]
    require_writable(home)
    server = replace(postgres.locate(home, _SOCKETS), options=OPTIONS)
    server.initialise(password)
    (server.data / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
    become(server.program().command, {})
