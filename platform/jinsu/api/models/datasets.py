"""Dataset versions."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from jinsu.api.models.base import Answer


class Dataset(Answer):
    """One dataset version. schema: type of each column, by name. size in bytes; rows counts files for a set of files."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    name: str
    version: str
    digest: str
    kind: Literal["table", "files"]
    rows: int
    size: int
    columns: dict[str, str]
    created: float
    created_by: str
