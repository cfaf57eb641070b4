"""Who is asking: the person behind the request's token, or behind the session of a browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from jinsu.errors import ForbiddenError
from jinsu.identity import tokens
from jinsu.identity.people import Person
from jinsu.state.states import TokenUse

COOKIE = "jinsu_session"
KNOWN_PERSON = "jinsu.person"
"""Where the scope of a request keeps the person whom `jinsu.api.front` has recognised already."""
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


class UnauthorizedError(Exception):
    """The request carries no valid token and no valid session."""


@dataclass(frozen=True)
class Shown:
    """What a request shows of its sender: a bearer token of the API, or the session of a browser."""

    token: str = field(repr=False)
    use: TokenUse


def shown(request: Request) -> Shown | None:
    """The header `Authorization` decides when there is one; otherwise the cookie does."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return Shown(token, TokenUse.API) if scheme.lower() == "bearer" and token else None
    cookie = request.cookies.get(COOKIE)
    return Shown(cookie, TokenUse.SESSION) if cookie else None


def person(request: Request) -> Person:
    """Raises UnauthorizedError; ForbiddenError for a change that another site asks a browser for."""
    known: Person | None = request.scope.get(KNOWN_PERSON)
    if known is not None:
        return known
    what = shown(request)
    found = None if what is None else tokens.recognise(request.app.state.database, what.token, what.use)
    if what is None or found is None:
        raise UnauthorizedError
    if what.use is TokenUse.SESSION and request.method not in _CHANGES_NOTHING:
        require_same_origin(request)
    return found


Known = Annotated[Person, Depends(person)]


def in_browser(request: Request) -> Person | None:
    """The person of the browser's session; a bearer token opens no page."""
    return tokens.recognise(request.app.state.database, request.cookies.get(COOKIE), TokenUse.SESSION)


def require_same_origin(request: Request) -> None:
    """Raises ForbiddenError unless the browser says that a page of this API sent the request.

    A cookie travels with requests of other sites too, and with those of every other port of the same host. Browsers say
    where a request comes from in `Sec-Fetch-Site`, or over plain HTTP in `Origin`; a request with neither is refused.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        same = site == "same-origin"
    else:
        same = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not same:
        raise ForbiddenError("a browser's session changes things only from Jinsu's own pages; open them and try again.")


def set_session(response: Response, token: str, address: str) -> None:
    """Gives the browser a session. address: the API's, as browsers see it; an encrypted one keeps the cookie to itself."""
    secure = address.startswith("https://")
    response.set_cookie(
        COOKIE, token, max_age=int(tokens.LIFETIME[TokenUse.SESSION]), httponly=True, samesite="lax", secure=secure
    )


def end_session(response: Response) -> None:
    """Takes the browser's cookie."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
