"""What every body and every answer of the API have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """What a request holds: the named fields and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """JSON has no NaN and no infinity; their names stand for them, as in `jinsu.codec`."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")


class Reason(Body):
    """Why somebody does something."""

    reason: str = Field("", max_length=2000)


class Health(Answer):
    """Whether the API answers, and its version."""

    status: str
    version: str


class Problem(Answer):
    """Why a request was refused, and the exit code that the command line ends with."""

    error: str
    exit_code: int
