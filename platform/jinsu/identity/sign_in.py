"""Signing in with the password of a local account, and taking a sign-in from one door to another."""

from __future__ import annotations

import time

from sqlalchemy import func, select

from jinsu.errors import ForbiddenError, TransientError
from jinsu.identity import audit, tokens
from jinsu.identity.passwords import matches
from jinsu.identity.people import Person, find
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, TokenUse
from jinsu.state.tables import Account, AuditEntry

_TRIES, _WINDOW = 10, 600.0
_STRANGERS = 200
"""How many tries with names that nobody has are kept in that time: whoever guesses must not fill the audit log."""


def with_password(database: Database, name: str, password: str, door: str) -> Person:
    """The person, if name and password are those of a local account. Both outcomes are audited.

    Raises ForbiddenError for a wrong pair, TransientError after too many wrong ones for the same name.
    """
    with database.begin() as session:
        refused = select(func.count()).where(
            AuditEntry.event == AuditEvent.SIGN_IN_REFUSED, AuditEntry.at > time.time() - _WINDOW
        )
        if (session.scalar(refused.where(AuditEntry.subject == name[:255])) or 0) >= _TRIES:
            raise TransientError(f"too many wrong passwords for {name[:64]!r}; try again in ten minutes.", _WINDOW)
        account = session.get(Account, name)
        right = matches(password, None if account is None or account.left is not None else account.password)
        person = find(session, name) if right else None
        event = AuditEvent.SIGNED_IN if person else AuditEvent.SIGN_IN_REFUSED
        if account is not None or (session.scalar(refused) or 0) < _STRANGERS:
            audit.note(session, name[:64], event, name, door)
    if person is None:
        raise ForbiddenError("name or password is wrong.")
    return person


def hand_over(database: Database, person: Person, use: TokenUse) -> str:
    """A code with which another door recognises the person once, within a minute."""
    with database.begin() as session:
        return tokens.give(session, person.name, use, actor=person.name, label="sign-in")
