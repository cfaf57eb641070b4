"""What the records say about a version's right to serve."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.errors import ForbiddenError, NotFoundError
from jinsu.release.standing import Facts, Standing, standing
from jinsu.runs import ledger
from jinsu.state.database import Database
from jinsu.state.states import ReviewState, Verdict
from jinsu.state.tables import Candidate, LedgerEntry, Opinion, Review, Revocation, Submission


@dataclass(frozen=True)
class Standings:
    """Answers whether a version may serve."""

    database: Database

    def of(self, model: str, version: str) -> Standing:
        """Raises NotFoundError for a version that Jinsu did not register."""
        with self.database.begin() as session:
            return standing_of(session, model, version)

    def require(self, model: str, version: str) -> None:
        """Raises ForbiddenError when the version may not serve, NotFoundError when Jinsu did not register it."""
        with self.database.begin() as session:
            require(session, model, version)


def standing_of(session: Session, model: str, version: str) -> Standing:
    """As `Standings.of`, within a transaction."""
    return standing(facts_of(session, model, version))


def require(session: Session, model: str, version: str) -> None:
    """As `Standings.require`, within a transaction."""
    found = standing_of(session, model, version)
    if not found.may_serve:
        raise ForbiddenError(f"{model}: {found.reason}; such a version does not serve. See: jinsu review list")


def facts_of(session: Session, model: str, version: str) -> Facts:
    """What decides about a version's right to serve. Raises NotFoundError for one that Jinsu did not register."""
    known = select(Candidate.submission).where(Candidate.model == model, Candidate.version == version, Candidate.ready)
    run = session.scalar(known)
    if run is None:
        raise NotFoundError(f"model {model!r} has no registered version {version!r}; see: jinsu ledger show {model}")
    submission, review = session.get_one(Submission, run), session.get(Review, run)
    if review is not None and review.version != version:
        review = None
    revocation = session.get(Revocation, (model, version))
    served = select(LedgerEntry.id).where(
        LedgerEntry.model == model, LedgerEntry.version == version, LedgerEntry.event.in_(ledger.MOVES)
    )
    approved = select(Opinion.person).where(Opinion.submission == run, Opinion.verdict == Verdict.APPROVE)
    return Facts(
        version=version,
        submitter=submission.submitter,
        approvals=frozenset(session.scalars(approved)) if review is not None else frozenset(),
        needed=None if review is None else review.needed,
        self_approval=review is not None and review.self_approval,
        refused=_refusal(review),
        revoked="" if revocation is None else revocation.in_words,
        served=session.scalar(served.limit(1)) is not None,
    )


def _refusal(review: Review | None) -> str:
    if review is None or review.state in (ReviewState.OPEN, ReviewState.APPROVED):
        return ""
    if review.state is ReviewState.CANCELLED:
        return f"the run of version {review.version} ended before anybody answered"
    done = "rejected" if review.state is ReviewState.REJECTED else "asked for changes to"
    return f"{review.reviewer} {done} version {review.version}: {review.reason or 'no reason given'}"
