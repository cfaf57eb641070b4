"""Problems and their versions."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from jinsu.api.models.base import Answer, Body, Name


class ProblemBody(Body):
    """problem.yaml as data, and the texts of the expectations and the scorer that it names.

    team: when the caller owns for several.
    """

    document: dict[str, Any]
    expectations: str | None = Field(None, max_length=200_000)
    scorer: str | None = Field(None, max_length=64 << 10)
    team: Name = Field("", max_length=40)


class ProblemPut(Answer):
    """The version that a document became, or was already."""

    name: str
    version: int
    team: str


class ProblemSummary(Answer):
    """One problem in a list. inline: whether it is written in the model.yaml of its only model."""

    name: str
    team: str
    dataset: str
    inline: bool


class ProblemVersion(Answer):
    """One version, as its owner wrote it; fields that have their defaults are left out."""

    version: int
    document: dict[str, Any]
    expectations: str | None
    scorer: str | None = None
    by: str
    at: float


class ProblemPage(ProblemSummary):
    """A problem with its versions, newest first. looks: how many runs were scored on its held-out rows."""

    looks: int
    versions: list[ProblemVersion]
