"""promote: the alias `champion` moves, and the ledger says so. Moving it back is a rollback."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from jinsu.errors import GateFailedError, NotFoundError
from jinsu.installation import Platform, end_submission
from jinsu.lifecycle.canary import current
from jinsu.lifecycle.review import ALIAS
from jinsu.release.advance import Phase
from jinsu.state.tables import Candidate, LedgerEntry, Review, Rollout


def run(platform: Platform, submission: str) -> dict[str, Any]:
    """Makes the challenger the champion. Raises GateFailedError when it has been taken back meanwhile."""
    row, _ = platform.submission(submission)
    with platform.task(submission, "promote") as output:
        _, state = current(platform, submission)
        if state.phase not in (Phase.PROMOTING, Phase.PROMOTED):
            raise GateFailedError(f"version {state.challenger} was {state.phase} before promotion: {state.reason}")
        with platform.database.begin() as session:
            review = session.get(Review, submission)
        platform.mlflow.set_alias(row.model, "champion", state.challenger)
        reviewer = str(review.reviewer) if review else "nobody"
        record(
            platform,
            row.model,
            "promoted",
            state.challenger,
            state.champion,
            reviewer,
            submission,
            f"promote:{submission}",
            f"run {row.mlflow_run}/evidence.html",
            state.reason,
        )
        platform.mlflow.drop_alias(row.model, ALIAS, state.challenger)
        output.update(version=state.challenger, previous=state.champion)
    end_submission(platform, submission, "succeeded", f"version {output['version']} is the champion")
    return dict(output)


def roll_back(platform: Platform, model: str, version: str, actor: str) -> str:
    """Gives `champion` to an earlier version; returns the one that had it. Traffic follows within seconds."""
    with platform.database.begin() as session:
        known = session.scalar(
            select(Candidate).where(Candidate.model == model, Candidate.version == version, Candidate.ready)
        )
    if known is None:
        raise NotFoundError(f"model {model!r} has no registered version {version!r}; see: jinsu rollout ledger {model}")
    previous = platform.mlflow.aliases(model).get("champion", "")
    platform.mlflow.set_alias(model, "champion", version)
    _end_promotion(platform, model, version, actor)
    record(
        platform,
        model,
        "rolled back",
        version,
        previous,
        actor,
        None,
        f"rollback:{model}:{time.time_ns()}",
        None,
        "",
    )
    return previous


def _end_promotion(platform: Platform, model: str, version: str, actor: str) -> None:
    """A challenger whose alias was just taken away would wait for it at 100 % of traffic."""
    with platform.database.begin() as session:
        for row in session.scalars(
            select(Rollout).where(
                Rollout.model == model, Rollout.phase == Phase.PROMOTING, Rollout.challenger != version
            )
        ):
            row.command, row.updated = f"abort:rolled back to version {version} by {actor}", time.time()


def record(
    platform: Platform,
    model: str,
    event: str,
    version: str,
    previous: str | None,
    actor: str,
    submission: str | None,
    identity: str,
    evidence: str | None,
    detail: str,
) -> None:
    """Appends to the ledger; the same identity twice is one entry."""
    try:
        with platform.database.begin() as session:
            if session.scalar(select(LedgerEntry.id).where(LedgerEntry.identity == identity)) is None:
                session.add(
                    LedgerEntry(
                        at=time.time(),
                        model=model,
                        event=event,
                        version=version,
                        previous=previous,
                        actor=actor,
                        submission=submission,
                        evidence=evidence,
                        detail=detail,
                        identity=identity,
                    )
                )
    except IntegrityError:
        return
