"""The account of a person whom the identity provider vouches for, and what the provider's groups give that person."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jinsu.errors import ConflictError, ForbiddenError, TransientError
from jinsu.identity import accounts, audit
from jinsu.identity.oidc import Vouched
from jinsu.identity.people import PLATFORM, Person, find
from jinsu.settings import Oidc
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, Role
from jinsu.state.tables import Account

_LONGEST_SUBJECT = 255


def sign_in(database: Database, rules: Oidc, vouched: Vouched, door: str) -> Person:
    """The person, with an account made where needed and the roles that the groups give at this moment.

    The account is the one with this subject. An account that only has the same name is never taken. Both outcomes are
    audited. Raises ForbiddenError in a sentence for the person.
    """
    try:
        with database.begin() as session:
            name, problem = _admitted(session, rules, vouched)
            event = AuditEvent.SIGN_IN_REFUSED if problem else AuditEvent.SIGNED_IN
            audit.note(session, name or PLATFORM, event, vouched.subject if problem else name, door)
            person = None if problem else find(session, name)
    except IntegrityError:
        raise TransientError("the same person is signing in twice at this moment; try again.", 1.0) from None
    if person is None:
        raise ForbiddenError(problem)
    return person


def roles_of(rules: Oidc, groups: Iterable[str]) -> dict[str, Role]:
    """The highest role that the groups give in each team. Pure."""
    roles: dict[str, Role] = {}
    order = list(Role)
    for group in groups:
        if (given := rules.groups.get(group)) is not None:
            role = Role(given.role)
            roles[given.team] = max(role, roles.get(given.team, role), key=order.index)
    return roles


def _admitted(session: Session, rules: Oidc, vouched: Vouched) -> tuple[str, str]:
    """The name of the person's account, or "" when there is none; and why the person is refused, or ""."""
    roles = roles_of(rules, vouched.groups)
    admin = not set(rules.admins).isdisjoint(vouched.groups)
    account = session.scalar(select(Account).where(Account.subject == vouched.subject, Account.left.is_(None)))
    if account is None and (problem := _no_account(session, vouched, bool(roles or admin))):
        return "", problem
    if account is None:
        account = Account(name=vouched.name, subject=vouched.subject, created=time.time(), admin=False)
        session.add(account)
        session.flush()
        audit.note(session, PLATFORM, AuditEvent.PERSON_ADDED, account.name, vouched.subject)
    accounts.take_over_roles(session, account.name, roles, actor=PLATFORM)
    if rules.admins:
        _set_admin(session, account.name, admin)
    if not roles and not admin:
        return account.name, _no_group(account.name)
    return account.name, ""


def _no_account(session: Session, vouched: Vouched, has_group: bool) -> str:
    """Why no account can be made for the person; "" when one can."""
    name, subject = vouched.name, vouched.subject.partition("|")[2]
    if not has_group:
        return _no_group(name or subject)
    if not accounts.may_be_called(name) or len(vouched.subject) > _LONGEST_SUBJECT:
        return (
            f"the identity provider gives {name[:64]!r} as the name, which nobody can have here; an administrator sets "
            "oidc.name_claim to another claim."
        )
    taken = session.get(Account, name)
    if taken is not None:
        state = "has left this platform" if taken.left is not None else "is the name of another account here"
        back = f"jinsu user add {name}, then " if taken.left is not None else ""
        return (
            f"{name} {state}. If it is yours, ask an administrator: {back}jinsu user link {name} {shlex.quote(subject)} "
            "connects it with you."
        )
    return ""


def _no_group(name: str) -> str:
    return f"{name} is in no group that has a role here; ask for one where groups are kept, or ask an administrator."


def _set_admin(session: Session, name: str, admin: bool) -> None:
    """As the groups say; the last administrator stays one, so that somebody can correct the groups."""
    try:
        accounts.set_admin(session, name, admin, actor=PLATFORM)
    except ConflictError:
        audit.note(session, PLATFORM, AuditEvent.ADMIN_CHANGED, name, "not taken: the last administrator")
