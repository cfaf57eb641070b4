"""Who is asking: the person behind the request's token."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from jinsu.identity.people import Person, recognise


class UnauthorizedError(Exception):
    """The request carries no valid token."""


def person(request: Request) -> Person:
    """Raises UnauthorizedError."""
    found = recognise(request.app.state.database, request.headers.get("authorization"))
    if found is None:
        raise UnauthorizedError
    return found


Known = Annotated[Person, Depends(person)]
