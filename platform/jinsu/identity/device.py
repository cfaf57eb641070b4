"""Signing in a command line through a browser: the person compares a short code there (as in RFC 8628)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from jinsu.errors import ForbiddenError, NotFoundError, TransientError
from jinsu.identity import tokens
from jinsu.identity.people import find
from jinsu.state.database import Database
from jinsu.state.states import TokenUse
from jinsu.state.tables import SignInRequest

LIFETIME = 600.0
INTERVAL = 2.0
"""Seconds between two questions of a command line that waits."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code is a word, and no letter that looks like a digit."""
_HALF = 4
_MOST_WAITING = 10_000
_NOBODY_WAITS = "no command line waits with this code; codes last ten minutes: run jinsu login again."


@dataclass(frozen=True)
class Begun:
    """The two codes of a request. device: for the command line alone. user: `ABCD-EFGH`, for the person."""

    device: str = field(repr=False)
    user: str


def begin(database: Database, label: str) -> Begun:
    """Makes a request that lives ten minutes. Raises TransientError when thousands wait already."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(2 * _HALF))
    begun = Begun(secrets.token_urlsafe(32), f"{letters[:_HALF]}-{letters[_HALF:]}")
    now = time.time()
    with database.begin() as session:
        session.execute(delete(SignInRequest).where(SignInRequest.expires < now))
        if (session.scalar(select(func.count()).select_from(SignInRequest)) or 0) >= _MOST_WAITING:
            raise TransientError("too many sign-ins wait for a person; try again in ten minutes.", LIFETIME)
        session.add(
            SignInRequest(
                device=tokens.digest(begun.device),
                code=tokens.digest(begun.user),
                label=label[:100],
                refused=False,
                created=now,
                expires=now + LIFETIME,
            )
        )
    return begun


def waiting(session: Session, code: str) -> SignInRequest:
    """The open request with the code that the person types, in any case and with or without its dash.

    Raises NotFoundError when there is none, or when somebody has answered it.
    """
    letters = "".join(letter for letter in code.upper() if letter in _LETTERS)
    row = session.scalar(
        select(SignInRequest).where(SignInRequest.code == tokens.digest(f"{letters[:_HALF]}-{letters[_HALF:]}"))
    )
    if row is None or row.refused or row.person is not None or row.expires <= time.time():
        raise NotFoundError(_NOBODY_WAITS)
    return row


def answer(database: Database, code: str, person: str, allow: bool) -> None:
    """Lets the command line act as the person, or refuses it. Raises NotFoundError as `waiting` does."""
    with database.begin() as session:
        row = waiting(session, code)
        unanswered = update(SignInRequest).where(
            SignInRequest.device == row.device, SignInRequest.person.is_(None), SignInRequest.refused.is_(False)
        )
        values = {"person": person, "refused": False} if allow else {"refused": True}
        if session.execute(unanswered.values(**values)).rowcount != 1:  # type: ignore[attr-defined]
            raise NotFoundError(_NOBODY_WAITS)


def collect(database: Database, device_code: str) -> tuple[str, str] | None:
    """The name of the person who confirmed, and a new API token; None while nobody has answered. The token comes once.

    Raises ForbiddenError when a person refused, the time is over, or the token was fetched before.
    """
    with database.begin() as session:
        row = session.get(SignInRequest, tokens.digest(device_code))
        if row is None or row.expires <= time.time():
            raise ForbiddenError("the code was not confirmed within ten minutes; run jinsu login again.")
        if row.refused:
            raise ForbiddenError("the sign-in was refused in the browser.")
        if row.person is None:
            return None
        first = session.execute(
            update(SignInRequest)
            .where(SignInRequest.device == row.device, SignInRequest.ended.is_(None))
            .values(ended=time.time())
        )
        if first.rowcount != 1 or find(session, row.person) is None:  # type: ignore[attr-defined]
            raise ForbiddenError("this sign-in has given its token already; run jinsu login again.")
        return row.person, tokens.give(session, row.person, TokenUse.API, actor=row.person, label=row.label)
