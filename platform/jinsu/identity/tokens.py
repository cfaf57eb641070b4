"""Tokens: random secrets that open a door for a person; the database keeps only their sha256."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from jinsu.errors import NotFoundError
from jinsu.identity import audit
from jinsu.identity.people import Person, find
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, TokenUse
from jinsu.state.tables import Token

DAY = 86400.0
LIFETIME = {
    TokenUse.API: 90 * DAY,
    TokenUse.SESSION: DAY / 2,
    TokenUse.MLFLOW_SESSION: DAY / 2,
    TokenUse.AIRFLOW_CODE: 60.0,
    TokenUse.MLFLOW_CODE: 60.0,
}
"""Seconds until a token ends by itself, unless its maker says otherwise."""
_REMEMBER_USE = 3600.0


def digest(token: str) -> str:
    """sha256 of a token, as the database keeps it: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def give(
    session: Session, person: str, use: TokenUse, *, actor: str, label: str = "", lifetime: float | None = -1.0
) -> str:
    """Makes a token for a person and returns it; it is kept nowhere. lifetime: seconds; None for one that does not end."""
    token = f"jinsu_{secrets.token_urlsafe(32)}"
    keep(session, person, use, token, label=label, lifetime=LIFETIME[use] if lifetime == -1.0 else lifetime)
    if use is not TokenUse.API:
        _forget_ended(session, person, use)
    else:
        audit.note(session, actor, AuditEvent.TOKEN_MADE, person, label)
    return token


def keep(session: Session, person: str, use: TokenUse, token: str, *, label: str, lifetime: float | None) -> None:
    """Records a token that was made elsewhere. The same token again changes nothing, also when it was revoked."""
    now = time.time()
    if session.scalar(select(Token.id).where(Token.sha256 == digest(token))) is None:
        session.add(
            Token(
                id=secrets.token_hex(5),
                person=person,
                sha256=digest(token),
                use=use,
                label=label[:100],
                created=now,
                expires=None if lifetime is None else now + lifetime,
            )
        )


def replace(session: Session, person: str, token: str, *, labels: Sequence[str], actor: str) -> None:
    """Records a token that was made elsewhere and does not end, as the only one with these labels; the first is its own.

    The same token again changes nothing, also when it was revoked.
    """
    if session.scalar(select(Token.id).where(Token.sha256 == digest(token))) is not None:
        return
    for row in of(session, person):
        if row.label in labels:
            revoke(session, person, row.id, actor=actor)
    keep(session, person, TokenUse.API, token, label=labels[0], lifetime=None)
    audit.note(session, actor, AuditEvent.TOKEN_MADE, person, labels[0])


def recognise(database: Database, token: str | None, *uses: TokenUse) -> Person | None:
    """The person whom a token of one of these uses was given to; None when it has ended, or its person has left."""
    if not token:
        return None
    with database.begin() as session:
        row = _valid(session, token, uses)
        if row is None:
            return None
        if row.last_used is None or row.last_used < time.time() - _REMEMBER_USE:
            row.last_used = time.time()
        return find(session, row.person)


def redeem(database: Database, code: str, use: TokenUse) -> Person | None:
    """The person behind a code, which ends by this: whoever comes second gets None."""
    with database.begin() as session:
        row = _valid(session, code, (use,))
        if row is None:
            return None
        ended = session.execute(
            update(Token).where(Token.id == row.id, Token.revoked.is_(None)).values(revoked=time.time())
        )
        return find(session, row.person) if ended.rowcount == 1 else None  # type: ignore[attr-defined]


def end(session: Session, token: str) -> None:
    """Ends a token whoever shows it, as a sign-out does."""
    session.execute(
        update(Token).where(Token.sha256 == digest(token), Token.revoked.is_(None)).values(revoked=time.time())
    )


def of(session: Session, person: str) -> Sequence[Token]:
    """The API tokens of a person that have not ended, oldest first."""
    query = select(Token).where(Token.person == person, Token.use == TokenUse.API, Token.revoked.is_(None))
    now = time.time()
    return [row for row in session.scalars(query.order_by(Token.created)) if row.expires is None or row.expires > now]


def revoke(session: Session, person: str, token: str, *, actor: str) -> None:
    """Ends the token of this id. Raises NotFoundError when the person has no such token."""
    row = session.get(Token, token)
    if row is None or row.person != person or row.revoked is not None:
        raise NotFoundError(f"{person} has no token {token!r}; see: jinsu token list")
    row.revoked = time.time()
    audit.note(session, actor, AuditEvent.TOKEN_REVOKED, person, f"{token} {row.label}".rstrip())


def revoke_all(session: Session, person: str) -> None:
    """Ends every token and every session of a person."""
    session.execute(update(Token).where(Token.person == person, Token.revoked.is_(None)).values(revoked=time.time()))


def end_sessions(session: Session, person: str, *uses: TokenUse) -> None:
    """Ends a person's sessions in browsers: those of these uses, or of the API's and MLflow's pages."""
    kinds = uses or (TokenUse.SESSION, TokenUse.MLFLOW_SESSION)
    ended = update(Token).where(Token.person == person, Token.use.in_(kinds), Token.revoked.is_(None))
    session.execute(ended.values(revoked=time.time()))


def shown(session: Session, token: str) -> Token | None:
    """The record of a token, whether or not it has ended."""
    return session.scalar(select(Token).where(Token.sha256 == digest(token)))


def _forget_ended(session: Session, person: str, use: TokenUse) -> None:
    """Removes a person's codes and sessions that ended by themselves: a browser makes new ones at every visit."""
    session.execute(delete(Token).where(Token.person == person, Token.use == use, Token.expires < time.time()))


def _valid(session: Session, token: str, uses: Sequence[TokenUse]) -> Token | None:
    row = session.scalar(select(Token).where(Token.sha256 == digest(token), Token.use.in_(uses)))
    if row is None or row.revoked is not None or (row.expires is not None and row.expires <= time.time()):
        return None
    return row
