"""What the records say about the need for objects."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.release.advance import TERMINAL
from jinsu.retention.decision import Run, Version
from jinsu.runs.catalog import Known
from jinsu.runs.removals import objects_of, stage_keys
from jinsu.state.states import ReviewState
from jinsu.state.tables import Candidate, Endpoint, Review, Revocation, Rollout, StageRecord, Submission


def runs(session: Session, aliased: Iterable[tuple[str, str]]) -> list[Run]:
    """Every run, with the objects that it needs. aliased: versions (model, number) that have an alias in MLflow."""
    serving = serving_versions(session) | set(aliased)
    revoked = {(model, version) for model, version in session.execute(select(Revocation.model, Revocation.version))}
    keys: dict[str, set[str]] = {}
    for record in session.scalars(select(StageRecord)):
        keys.setdefault(record.submission, set()).update(stage_keys(record))
    versions: dict[str, Version] = {}
    for row in session.scalars(select(Candidate)):
        keys.setdefault(row.submission, set()).add(row.package)
        if row.version is None:
            continue
        pair = (row.model, row.version)
        if pair not in revoked or pair in serving:
            versions[row.submission] = Version(row.model, row.version, pair in serving)
    return [
        Run(row.id, str(row.state), row.ended, objects_of(row, keys.get(row.id, set())), versions.get(row.id))
        for row in session.scalars(select(Submission))
    ]


def offered(known: Known) -> frozenset[str]:
    """Names of the code that the trigger form offers."""
    codes = [*known.examples, *(code for offer in known.teams.values() for code in offer.codes)]
    return frozenset(f"code/{code.digest}.tar.gz" for code in codes)


def serving_versions(session: Session) -> set[tuple[str, str]]:
    """Versions (model, number) that answer requests, may soon, or wait for an answer."""
    champions = select(Endpoint.model, Endpoint.champion)
    rollouts = select(Rollout.model, Rollout.challenger).where(Rollout.phase.not_in(TERMINAL))
    reviews = select(Review.model, Review.version).where(Review.state == ReviewState.OPEN)
    queries = (champions, rollouts, reviews)
    return {(model, version) for query in queries for model, version in session.execute(query)}
