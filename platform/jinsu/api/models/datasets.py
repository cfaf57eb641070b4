"""Dataset versions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from jinsu.api.models.base import Answer, Body


class Dataset(Answer):
    """One dataset version.

    columns: type of each, by name. size in bytes; rows counts files for a set of files. note: what whoever put it says about
    it. latest: whether the name alone stands for this version. packed: whether it is a set of files that lie in packs.
    """

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
    note: str = ""
    latest: bool = True
    packed: bool = False


class PacksBody(Body):
    """The sha256 of packs."""

    packs: list[Annotated[str, Field(min_length=64, max_length=64)]] = Field(max_length=10_000)


class MissingPacks(Answer):
    """Which of the packs that were asked for are not there yet."""

    missing: list[str]


class DatasetFile(Answer):
    """One file of a dataset version: its name in a copy, and the sha256 of its content."""

    name: str
    sha256: str


class DatasetDifference(Answer):
    """What differs between two versions. Columns are given with their types; a type that changed as old and new type.

    Numbers are of rows, of keys where rows have a key, or of files. changed is 0 for rows without a key.
    """

    old: str
    new: str
    columns_added: dict[str, str]
    columns_removed: dict[str, str]
    columns_retyped: dict[str, list[str]]
    added: int
    removed: int
    changed: int
    same: int


class DatasetDeleted(Answer):
    """What a deletion removed, or would remove. size: bytes that become free. needs: why it may not be, a sentence each."""

    deleted: bool
    versions: list[str]
    size: int
    needs: list[str]
