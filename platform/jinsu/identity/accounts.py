"""People, teams, roles and grants, added and removed. Every verb is audited in the transaction that does it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jinsu.errors import BadInputError, ConflictError, NotFoundError
from jinsu.identity import audit, tokens
from jinsu.identity.passwords import hashed
from jinsu.identity.people import PLATFORM
from jinsu.spec.parts import NAME
from jinsu.state.states import AuditEvent, Kept, Role, Source
from jinsu.state.tables import Account, Dataset, Grant, Membership, Model, Policy, Problem, Team

_PERSON = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}"
_RESERVED = frozenset({PLATFORM, "airflow", "mlflow", "admin-platform", "nobody", "model.yaml"})


def may_be_called(name: str) -> bool:
    """Whether a person may have this name: a short word that is none of the platform's. Pure."""
    return re.fullmatch(_PERSON, name) is not None and name not in _RESERVED


def add_person(session: Session, name: str, *, actor: str, admin: bool = False, password: str | None = None) -> Account:
    """Makes a person, or lets one who had left come back. Raises BadInputError for a name that cannot be used,
    ConflictError when there is one of this name."""
    if not may_be_called(name):
        raise BadInputError(f"user {name!r}: give 1 to 64 letters, digits and . _ @ + -, and no name of the platform.")
    account = session.get(Account, name)
    if account is not None and account.left is None:
        raise ConflictError(f"user {name!r} exists already; see: jinsu user list")
    if account is None:
        account = Account(name=name, created=time.time(), admin=False)
        session.add(account)
    account.left, account.admin = None, admin
    account.password = None if password is None else hashed(password)
    session.flush()
    audit.note(session, actor, AuditEvent.PERSON_ADDED, name, "administrator" if admin else "")
    return account


def remove_person(session: Session, name: str, *, actor: str) -> None:
    """Ends an account: tokens, sessions, password and memberships. What the person did stays under the name.

    Raises NotFoundError, and ConflictError for the last administrator.
    """
    account = _present(session, name)
    if account.admin:
        _refuse_last_admin(session, name)
    account.left, account.admin, account.password, account.subject = time.time(), False, None, None
    tokens.revoke_all(session, name)
    session.execute(delete(Membership).where(Membership.person == name))
    audit.note(session, actor, AuditEvent.PERSON_REMOVED, name)


def set_admin(session: Session, name: str, admin: bool, *, actor: str) -> None:
    """Makes a person an administrator, or one no longer. Raises NotFoundError; ConflictError for the last one."""
    account = _present(session, name)
    if account.admin and not admin:
        _refuse_last_admin(session, name)
    if account.admin != admin:
        account.admin = admin
        audit.note(session, actor, AuditEvent.ADMIN_CHANGED, name, "given" if admin else "taken")


def set_password(session: Session, name: str, password: str, *, actor: str) -> None:
    """Gives a local account a password; its sessions end. Raises NotFoundError, BadInputError for a short one."""
    account = _present(session, name)
    account.password = hashed(password)
    tokens.end_sessions(session, name)
    audit.note(session, actor, AuditEvent.PASSWORD_SET, name)


def link(session: Session, name: str, subject: str, *, actor: str) -> None:
    """Connects an account with a person of the identity provider; that person signs in to it from now on.

    subject: `ISSUER|SUB`. Raises NotFoundError, and ConflictError when the subject has another account.
    """
    account = _present(session, name)
    other = session.scalar(select(Account.name).where(Account.subject == subject, Account.name != name))
    if other is not None:
        raise ConflictError(f"{subject} is {other} here; one person has one account: jinsu user remove {other}")
    account.subject = subject
    audit.note(session, actor, AuditEvent.IDENTITY_LINKED, name, subject)


def add_team(session: Session, name: str, *, actor: str) -> None:
    """Makes a team. Raises BadInputError for a name that cannot be used, ConflictError when it exists."""
    if not re.fullmatch(NAME, name):
        raise BadInputError(f"team {name!r}: use 1 to 40 lower-case letters, digits, '-' and '_'.")
    if session.get(Team, name) is not None:
        raise ConflictError(f"team {name!r} exists already; see: jinsu team list")
    ensure_team(session, name, actor=actor)


def ensure_team(session: Session, name: str, *, actor: str) -> None:
    """Makes a team unless it exists."""
    if session.get(Team, name) is None:
        session.add(Team(name=name, created=time.time()))
        session.flush()
        audit.note(session, actor, AuditEvent.TEAM_ADDED, name)


def remove_team(session: Session, name: str, *, actor: str) -> None:
    """Ends a team. Raises NotFoundError, and ConflictError while it owns something."""
    _team(session, name)
    for kind, table in ((Kept.PROBLEM, Problem), (Kept.MODEL, Model), (Kept.DATASET, Dataset)):
        owned = session.scalar(select(table.name).where(table.team == name).limit(1))
        if owned is not None:
            raise ConflictError(f"team {name!r} owns {kind} {owned!r}; a team that owns something stays.")
    session.execute(delete(Membership).where(Membership.team == name))
    session.execute(delete(Grant).where(Grant.team == name))
    session.execute(delete(Policy).where(Policy.team == name))
    session.delete(session.get(Team, name))
    audit.note(session, actor, AuditEvent.TEAM_REMOVED, name)


def set_role(
    session: Session, person: str, team: str, role: Role | None, *, actor: str, source: Source = Source.LOCAL
) -> None:
    """Gives a person a role in a team, changes it, or with None takes it. Raises NotFoundError."""
    _present(session, person)
    _team(session, team)
    member = session.get(Membership, (person, team))
    before = None if member is None else member.role
    if before is role and (member is None or member.source is source):
        return
    if role is None:
        session.delete(member)
    elif member is None:
        session.add(Membership(person=person, team=team, role=role, source=source, since=time.time()))
    else:
        member.role, member.source, member.since = role, source, time.time()
    session.flush()
    audit.note(
        session, actor, AuditEvent.MEMBER_CHANGED, f"{person} in {team}", f"{before or 'none'} -> {role or 'none'}"
    )


def take_over_roles(session: Session, person: str, roles: Mapping[str, Role], *, actor: str) -> None:
    """Makes the roles that an identity provider gives those of a person. Roles that an administrator gave here stay."""
    for team in roles:
        ensure_team(session, team, actor=actor)
    members = session.scalars(select(Membership).where(Membership.person == person)).all()
    for member in members:
        if member.source is Source.OIDC and member.team not in roles:
            set_role(session, person, member.team, None, actor=actor, source=Source.OIDC)
    local = {member.team for member in members if member.source is Source.LOCAL}
    for team, role in roles.items():
        if team not in local:
            set_role(session, person, team, role, actor=actor, source=Source.OIDC)


def grant(session: Session, kind: Kept, name: str, team: str, *, actor: str) -> None:
    """Lets another team read something. Repeating it changes nothing. Raises NotFoundError for an unknown team."""
    _team(session, team)
    if session.get(Grant, (kind, name, team)) is None:
        session.add(Grant(kind=kind, name=name, team=team, by=actor, at=time.time()))
        audit.note(session, actor, AuditEvent.GRANTED, f"{kind} {name}", f"team {team} may read it")


def take_grant(session: Session, kind: Kept, name: str, team: str, *, actor: str) -> None:
    """Ends a grant. Raises NotFoundError when there is none."""
    row = session.get(Grant, (kind, name, team))
    if row is None:
        raise NotFoundError(f"team {team!r} has no grant for {kind} {name!r}.")
    session.delete(row)
    audit.note(session, actor, AuditEvent.GRANT_TAKEN, f"{kind} {name}", f"team {team} may not read it any more")


def teams(session: Session) -> list[str]:
    """The names of all teams, sorted."""
    return sorted(session.scalars(select(Team.name)))


def known_people(session: Session) -> Iterable[Account]:
    """Everybody who has not left, by name."""
    return session.scalars(select(Account).where(Account.left.is_(None)).order_by(Account.name)).all()


def _present(session: Session, name: str) -> Account:
    account = session.get(Account, name)
    if account is None or account.left is not None:
        raise NotFoundError(f"user {name!r} does not exist; see: jinsu user list")
    return account


def _team(session: Session, name: str) -> None:
    if session.get(Team, name) is None:
        known = ", ".join(teams(session)) or "none yet"
        raise NotFoundError(f"team {name!r} does not exist; known: {known}. Add it: jinsu team add {name}")


def _refuse_last_admin(session: Session, name: str) -> None:
    others = select(Account.name).where(Account.admin, Account.left.is_(None), Account.name != name)
    if session.scalar(others.limit(1)) is None:
        raise ConflictError(f"{name} is the last administrator; make another first: jinsu user add NAME --admin")
