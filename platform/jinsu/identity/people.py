"""People, their roles, and their tokens, which are random; the database keeps only a token's sha256."""

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
    """What a person may do. Each role may do everything that the role before may."""

    RESEARCHER = "researcher"
    """Puts datasets, submits models, and cancels their own runs."""
    REVIEWER = "reviewer"
    """Approves or rejects candidates, aborts or resumes rollouts, and rolls models back."""
    ADMIN = "admin"
    """Makes users, and cancels any run."""


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class Person:
    """The owner of a token that was recognised."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Raises ForbiddenError when the person's role is lower than `role`."""
        if _RANK[self.role] < _RANK[role]:
            raise ForbiddenError(f"{self.name} is a {self.role}; this needs a {role}.")

    def require_owner(self, owner: str) -> None:
        """Raises ForbiddenError when the person is neither `owner` nor an administrator."""
        if self.name != owner:
            self.require(Role.ADMIN)


def digest(token: str) -> str:
    """sha256 of a token, as the database keeps it: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_user(database: Database, name: str, role: Role) -> str:
    """Makes a user, or gives an existing one a new token. Returns the token, which is kept nowhere.

    Raises BadInputError for a name that cannot be used.
    """
    token = f"jinsu_{secrets.token_urlsafe(32)}"
    ensure_user(database, name, role, token)
    return token


def ensure_user(database: Database, name: str, role: Role, token: str) -> None:
    """Makes a user with this role and token, or gives them to an existing one. Raises BadInputError for a bad name."""
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
