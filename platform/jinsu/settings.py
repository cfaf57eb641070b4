"""Where the parts of one installation are, and the secrets they share. On a laptop `jinsu up` writes it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from jinsu.errors import NotFoundError
from jinsu.objects.s3 import S3Settings

HOME_VARIABLE = "JINSU_HOME"
FILE_NAME = "settings.json"


@dataclass(frozen=True)
class Account:
    """A name and a password; never shown."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything a process of the platform must know to find the others. The file holding it is mode 0600."""

    home: str
    runtime: str
    database_url: str = field(repr=False)
    api_url: str
    endpoint_url: str
    airflow_url: str
    mlflow_url: str
    envoy_admin_url: str
    xds_port: int
    airflow: Account
    mlflow: Account
    mlflow_reviewer: Account
    airflow_database_url: str = field(repr=False)
    mlflow_database_url: str = field(repr=False)
    supervisor_password: str = field(repr=False)
    airflow_secret: str = field(repr=False)
    mlflow_secret: str = field(repr=False)
    fernet_key: str = field(repr=False)
    training_slots: int = 2
    max_code_bytes: int = 64 * 2**20
    max_gpus: int = 0
    teams_approving_themselves: tuple[str, ...] = ()
    object_store: S3Settings | None = None

    @property
    def objects(self) -> Path:
        return Path(self.home) / "objects"

    @property
    def steps(self) -> Path:
        return self.objects / "steps"

    @property
    def catalog(self) -> Path:
        """Names that the trigger form offers, as one small JSON file: a DAG file must not ask a database."""
        return Path(self.home) / "catalog.json"

    def write(self) -> None:
        path = Path(self.home) / FILE_NAME
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(asdict(self), stream, indent=1)
        draft.replace(path)


def home() -> Path:
    """The folder of this installation: `$JINSU_HOME`, else `~/.jinsu`."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / ".jinsu").absolute()


@lru_cache(maxsize=1)
def load() -> Settings:
    """The settings of the installation in `home()`."""
    path = home() / FILE_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"{path.parent}: there is no platform here; start one with: jinsu up") from None
    for name in ("airflow", "mlflow", "mlflow_reviewer"):
        document[name] = Account(**document[name])
    document["teams_approving_themselves"] = tuple(document["teams_approving_themselves"])
    if document.get("object_store") is not None:
        document["object_store"] = S3Settings(**document["object_store"])
    return Settings(**document)
