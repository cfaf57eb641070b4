"""PostgreSQL for trials: one server, one disk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from jinsu.cluster.__main__ import become
from jinsu.servers import postgres

_NETWORK = {"listen_addresses": "*", "max_connections": "300", "shared_buffers": "128MB"}


def database() -> None:
    """Creates the cluster of databases if there is none, then becomes the server."""
    home, password = Path(os.environ["JINSU_DATABASE_FOLDER"]), os.environ["JINSU_DATABASE_PASSWORD"]
    server = postgres.locate(home, Path("/tmp"))  # noqa: S108  # for the socket; a pod's own
    server = replace(server, options=_NETWORK)
    server.initialise(password)
    access = server.data / "pg_hba.conf"
    access.write_text("local all all scram-sha-256\nhost all all all scram-sha-256\n", encoding="utf-8")
    become(server.program().command, {})
