"""What the platform demands of the models of each team: versions of `policy.yaml`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.errors import NotFoundError
from jinsu.identity import audit
from jinsu.spec.policy import PolicySpec
from jinsu.spec.rules import NamedPolicy
from jinsu.state.states import AuditEvent
from jinsu.state.tables import Policy, Team


def policy_of(session: Session, team: str) -> NamedPolicy:
    """The team's policy now; version 0, the defaults, for a team that has put none."""
    row = _latest(session, team)
    return NamedPolicy(team, 0, PolicySpec()) if row is None else _named(row)


def put_policy(session: Session, team: str, spec: PolicySpec, *, actor: str) -> NamedPolicy:
    """Makes the next version, unless it says the same. Raises NotFoundError for an unknown team."""
    if session.get(Team, team, with_for_update=True) is None:
        raise NotFoundError(f"team {team!r} does not exist; see: jinsu team list")
    last = _latest(session, team)
    document = spec.model_dump(mode="json", exclude_defaults=True)
    if last is not None and last.document == document:
        return _named(last)
    row = Policy(
        team=team, version=1 if last is None else last.version + 1, document=document, by=actor, at=time.time()
    )
    session.add(row)
    audit.note(session, actor, AuditEvent.POLICY_PUT, team, f"version {row.version}")
    return _named(row)


def ensure_policy(session: Session, team: str, spec: PolicySpec, *, actor: str) -> None:
    """Makes the first version of a team's policy; a team that has one keeps it. Raises NotFoundError."""
    if _latest(session, team) is None:
        put_policy(session, team, spec, actor=actor)


def history(session: Session, team: str) -> Sequence[Policy]:
    """Every version, newest first."""
    return session.scalars(select(Policy).where(Policy.team == team).order_by(Policy.version.desc())).all()


def _latest(session: Session, team: str) -> Policy | None:
    return session.scalar(select(Policy).where(Policy.team == team).order_by(Policy.version.desc()).limit(1))


def _named(row: Policy) -> NamedPolicy:
    return NamedPolicy(row.team, row.version, PolicySpec.model_validate(row.document))
