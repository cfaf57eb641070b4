"""Who is asking, and what they may do. Tokens are random; only their sha256 is kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select

from jinsu.errors import BadInputError, ForbiddenError
from jinsu.state.database import Database
from jinsu.state.tables import User


class Role(StrEnum):
    """Each may do what the one before may."""

    RESEARCHER = "researcher"
    REVIEWER = "reviewer"
    ADMIN = "admin"


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class Person:
    """Somebody whose token was recognised."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        if _RANK[self.role] < _RANK[role]:
            raise ForbiddenError(f"{self.name} is a {self.role}; this needs a {role}.")

    def require_owner(self, owner: str) -> None:
        """Their own things, or an administrator."""
        if self.name != owner:
            self.require(Role.ADMIN)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def create_user(database: Database, name: str, role: Role) -> str:
    """Makes or renews a user; returns the new token, which is shown once and kept nowhere."""
    token = f"jinsu_{secrets.token_urlsafe(32)}"
    ensure_user(database, name, role, token)
    return token


def ensure_user(database: Database, name: str, role: Role, token: str) -> None:
    """Has a user whose token is this one."""
    if not name or len(name) > 64 or not name.isprintable() or ":" in name:
        raise BadInputError(f"user {name!r}: give 1 to 64 printable characters without ':'.")
    with database.begin() as session:
        user = session.get(User, name) or User(name=name, created=time.time())
        user.role, user.token_sha256 = role, digest(token)
        session.add(user)


def recognise(database: Database, header: str | None) -> Person | None:
    """The person behind an `Authorization: Bearer …` header, or None."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    with database.begin() as session:
        user = session.scalar(select(User).where(User.token_sha256 == digest(token.strip())))
    return None if user is None else Person(user.name, Role(user.role))
