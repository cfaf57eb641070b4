"""Who is asking: the person behind the request's token."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from jinsu.identity.people import Person
from jinsu.identity.tokens import recognise
from jinsu.state.states import TokenUse


class UnauthorizedError(Exception):
    """The request carries no valid token."""


def person(request: Request) -> Person:
    """Raises UnauthorizedError."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    shown = token.strip() if scheme.lower() == "bearer" else ""
    found = recognise(request.app.state.database, shown, TokenUse.API)
    if found is None:
        raise UnauthorizedError
    return found


Known = Annotated[Person, Depends(person)]
