"""What every body and every answer of the API have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jinsu.runs.text import clean
from jinsu.spec.characters import is_name

Text = Annotated[str, AfterValidator(clean)]
"""What a person writes in their own words. It reaches a database, terminals and pages without harmful characters."""


def _name(text: str) -> str:
    if text and not is_name(text, len(text)):
        raise ValueError("a name is one line without control characters")
    return text


Name = Annotated[str, AfterValidator(_name)]
"""What names something. A name with a harmful character is none: nothing is called so."""


class Body(BaseModel):
    """What a request holds: the named fields and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """JSON has no NaN and no infinity; their names stand for them, as in `jinsu.codec`."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")


class Reason(Body):
    """Why somebody does something."""

    reason: Text = Field("", max_length=2000)


class Health(Answer):
    """Whether the API answers, and its version."""

    status: str
    version: str


class Problem(Answer):
    """Why a request was refused, and the exit code that the command line ends with."""

    error: str
    exit_code: int
