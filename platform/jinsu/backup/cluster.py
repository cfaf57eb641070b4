"""Fills the databases and the store of a new installation on Kubernetes from a backup.

The objects come first, and Jinsu's own database last: as long as that one is empty, the restore may be repeated.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import ProgrammingError

from jinsu.backup.databases import clear, databases, load
from jinsu.backup.restore import bring, read_index, secrets, verify
from jinsu.errors import BadInputError, ConflictError, NotFoundError
from jinsu.installation import Installation, connect
from jinsu.objects.store import Store
from jinsu.settings import Where
from jinsu.state.database import Database
from jinsu.state.tables import Submission

Say = Callable[[str], None]


def kubernetes_installation() -> Installation | None:
    """The installation on Kubernetes that this process is in; None elsewhere."""
    try:
        installation = connect()
    except NotFoundError:
        return None
    return installation if installation.settings.where is Where.KUBERNETES else None


def restore_on_kubernetes(target: Store, installation: Installation, say: Say) -> None:
    """Raises ConflictError for an installation with runs, BadInputError for one with other secrets than the backup's."""
    settings, index = installation.settings, read_index(target)
    if index.where != Where.KUBERNETES:
        raise BadInputError("the backup is of an installation on one machine; restore it there: jinsu restore TARGET")
    if secrets(target, index)["JINSU_FERNET_KEY"] != settings.fernet_key:
        raise BadInputError(
            "this installation has other secrets than the backup; put those of `jinsu restore --secrets TARGET` into its "
            "Secret first: the held-out rows of every problem follow from them."
        )
    if _runs(installation.database):
        raise ConflictError("this installation has runs already; restore into a new one.")
    say(f"verifying {len(index.files)} files")
    verify(target, index)
    store = installation.objects.store
    assert store is not None
    with tempfile.TemporaryDirectory(prefix="jinsu-restore-") as place:
        path = Path(place) / "file"
        say("objects")
        for name, file in index.part("objects").items():
            bring(target, name, file, path)
            store.put(path, name)
        for name, url in reversed(databases(settings).items()):
            say(f"database {name}")
            bring(target, f"databases/{name}.dump", index.files[f"databases/{name}.dump"], path)
            clear(url)
            load(name, url, path)


def _runs(database: Database) -> int:
    """How many runs there are; 0 in a database without tables."""
    try:
        with database.begin() as session:
            return session.scalar(select(func.count()).select_from(Submission)) or 0
    except ProgrammingError:
        return 0
