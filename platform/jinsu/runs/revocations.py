"""Takes back that a version may serve."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.errors import BadInputError, ConflictError
from jinsu.registry.mlflow import CHALLENGER, Mlflow
from jinsu.release.command import Command, Verb
from jinsu.runs import ledger
from jinsu.runs.champions import reviewer_of
from jinsu.runs.rollouts import leave
from jinsu.runs.standings import facts_of, standing_of
from jinsu.runs.text import clean
from jinsu.state.database import Database
from jinsu.state.states import Door, LedgerEvent, ReviewState
from jinsu.state.tables import Candidate, Endpoint, Model, Review, Revocation


@dataclass(frozen=True)
class Revocations:
    """Revokes versions."""

    database: Database
    mlflow: Mlflow

    def revoke(self, model: str, version: str, by: str, reason: str) -> None:
        """Ends a version's right to serve for ever; a rollout of it is aborted, an open question about it rejected.
        Repeating it changes nothing.

        Raises ForbiddenError for somebody who is no reviewer of the team, NotFoundError for an unknown version,
        BadInputError without a reason, and ConflictError for the version that serves.
        """
        if not reason.strip():
            raise BadInputError("revoke: say why: --reason TEXT")
        with self.database.begin() as session:
            reviewer_of(session, model, by)
            session.get(Model, model, with_for_update=True)
            row = _revoked(session, model, version) or _revoke(session, model, version, by, clean(reason))
        self.mlflow.drop_alias(model, CHALLENGER, version)
        self.mlflow.tag_version(model, version, "jinsu.review", f"revoked by {row.by}: {row.reason}")


def retire(session: Session, model: str, version: str, by: str, reason: str) -> None:
    """Ends the right to serve of a version whose files go. Raises ConflictError for the version that serves."""
    session.get(Model, model, with_for_update=True)
    if _revoked(session, model, version) is None:
        _revoke(session, model, version, by, reason)


def _revoked(session: Session, model: str, version: str) -> Revocation | None:
    """An earlier revocation. Raises NotFoundError for a version that Jinsu did not register."""
    facts_of(session, model, version)
    return session.get(Revocation, (model, version))


def _revoke(session: Session, model: str, version: str, by: str, reason: str) -> Revocation:
    endpoint = session.get(Endpoint, model)
    serving = None if endpoint is None else endpoint.champion
    if serving == version:
        raise ConflictError(_instead(session, model, version))
    row = Revocation(model=model, version=version, by=by, reason=reason, at=time.time())
    session.add(row)
    known = select(Candidate.submission).where(Candidate.model == model, Candidate.version == version)
    run = session.scalars(known).one()
    _reject(session, run, by, reason)
    leave(session, run, Command(Verb.ABORT, row.in_words))
    identity = f"{LedgerEvent.REVOKED}:{model}:{version}"
    ledger.append(session, ledger.Entry(identity, model, LedgerEvent.REVOKED, version, serving, by, detail=reason))
    return row


def _reject(session: Session, run: str, by: str, reason: str) -> None:
    review = session.get(Review, run, with_for_update=True)
    if review is not None and review.state is ReviewState.OPEN:
        review.state, review.reviewer, review.via = ReviewState.REJECTED, by, Door.CLI
        review.reason, review.answered = reason, time.time()


def _instead(session: Session, model: str, version: str) -> str:
    """What to do before the serving version can be revoked."""
    others = select(Candidate.version).where(Candidate.model == model, Candidate.ready, Candidate.version != version)
    ready = [other for other in session.scalars(others) if other and standing_of(session, model, other).may_serve]
    if not ready:
        return f"{model}: version {version} serves, and no other version may; launch another one first."
    newest = max(ready, key=int)
    return f"{model}: version {version} serves; go back first: jinsu rollout back {model} {newest}"
