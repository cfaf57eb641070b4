"""The databases that an installation of version 0.1 left behind; `version_0_1/README.md` says what they hold."""

import json
from enum import StrEnum
from pathlib import Path

from tests.support.postgres import execute

FOLDER = Path(__file__).with_name("version_0_1")


class Dump(StrEnum):
    """A database of version 0.1."""

    JINSU = "jinsu"
    """Jinsu's own: runs, reviews, rollouts, ledger, users."""
    MLFLOW = "mlflow"
    """MLflow's registry of the same moment."""


def load_former(url: str, dump: Dump = Dump.JINSU) -> None:
    """Fills the empty PostgreSQL database at `url`, as SQLAlchemy writes it, with what version 0.1 left."""
    execute(url, (FOLDER / f"{dump}.sql").read_text(encoding="utf-8"))


def former_tokens() -> dict[str, str]:
    """The plain tokens of version 0.1's users, by name."""
    return dict(json.loads((FOLDER / "tokens.json").read_text(encoding="utf-8")))
