"""Reviews: one question about a candidate, three doors through which it is answered, as many approvers as the rules ask for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.errors import ConflictError, ForbiddenError, NotFoundError
from jinsu.identity.people import Person, find
from jinsu.registry.mlflow import CHALLENGER, Mlflow
from jinsu.release.standing import counted
from jinsu.runs.journal import Journal, rules_of
from jinsu.runs.open_run import hold
from jinsu.runs.text import clean
from jinsu.spec.rules import ReviewRules
from jinsu.state.database import Database
from jinsu.state.states import Door, ReviewState, Role, Verdict
from jinsu.state.tables import Opinion, Review, Revocation, Submission

DAY = 86400.0


@dataclass(frozen=True)
class Said:
    """What a person says about a candidate, and the door that it came through."""

    person: str
    verdict: Verdict
    via: Door
    reason: str = ""


@dataclass(frozen=True)
class Reviews:
    """Asks and answers."""

    database: Database
    journal: Journal
    mlflow: Mlflow

    def ask(self, run: str, version: str) -> Review:
        """Opens the question, or finds it. Rules that ask for no approver answer it. Raises ConflictError for a
        cancelled run."""
        row = self.journal.submission(run)
        with self.database.begin() as session:
            hold(session, run)
            review = session.get(Review, run)
            if review is None:
                review = _question(row, version, rules_of(row).review)
                session.add(review)
            revoked = _revoked(session, review)
        if review.state is ReviewState.APPROVED and not revoked:
            self._tell(row, review)  # nobody is asked, or the alias of an approval is missing still
        return review

    def of(self, run: str) -> Review | None:
        with self.database.begin() as session:
            return session.get(Review, run)

    def opinions(self, run: str) -> Sequence[Opinion]:
        """What was said about the candidate of a run, oldest first."""
        with self.database.begin() as session:
            return _opinions(session, run)

    def open(self) -> list[Review]:
        """Questions that are not decided, oldest first."""
        with self.database.begin() as session:
            return list(session.scalars(select(Review).where(Review.state == ReviewState.OPEN).order_by(Review.asked)))

    def run_of(self, model: str, version: str) -> str:
        """The run whose candidate is this version. Raises NotFoundError when its reviewers were never asked."""
        with self.database.begin() as session:
            run = session.scalar(select(Review.submission).where(Review.model == model, Review.version == version))
        if run is None:
            raise NotFoundError(f"{model} version {version} asks for no review; see: jinsu review list")
        return run

    def give(self, run: str, said: Said) -> Review:
        """Records what a reviewer says; decides the question when that is enough, and sets the alias unless the run has
        ended since. The same word again changes nothing.

        Raises ForbiddenError for somebody who may not say it, NotFoundError when the run asks for no review, ConflictError
        when the question was decided otherwise, or the version was revoked.
        """
        row = self.journal.submission(run)
        with self.database.begin() as session:
            review = session.get(Review, run, with_for_update=True)
            if review is None:
                raise NotFoundError(f"run {run} asks for no review now; see: jinsu review list")
            refuse(row, review, said, find(session, said.person), code_author(session, row))
            if revoked := _revoked(session, review):
                raise ConflictError(f"run {run}: {revoked}")
            if review.state is ReviewState.OPEN:
                _write(session, review, said)
                session.flush()
                _decide(review, row, _opinions(session, run), said)
            elif not _says_the_same(review, said):
                raise ConflictError(f"run {run} was {_ended(review)}")
        self._tell(row, review)
        return review

    def _tell(self, row: Submission, review: Review) -> None:
        """Shows the state in MLflow."""
        if review.state is ReviewState.APPROVED and row.ended is None:
            self.mlflow.set_alias(review.model, CHALLENGER, review.version)
        self.mlflow.tag_version(review.model, review.version, "jinsu.review", self.in_words(review))

    def in_words(self, review: Review) -> str:
        """Where the question stands, such as `approved by rita via mlflow` or `1 of 2 approvals: rita`."""
        if review.state is not ReviewState.OPEN:
            return f"{review.state} by {review.reviewer} via {review.via}"
        names = [item.person for item in self.opinions(review.submission) if item.verdict is Verdict.APPROVE]
        return f"{len(names)} of {review.needed} approvals{': ' if names else ''}{', '.join(names)}"


def code_author(session: Session, row: Submission) -> str:
    """Who submitted the code of a run first; a colleague who starts it again from the form has not written it."""
    first = select(Submission.submitter).where(
        Submission.model == row.model, Submission.code_digest == row.code_digest, Submission.created <= row.created
    )
    return session.scalar(first.order_by(Submission.created).limit(1)) or row.submitter


def refuse(row: Submission, review: Review, said: Said, person: Person | None, author: str) -> None:
    """Raises ForbiddenError when the person is no reviewer of the run's team, or approves an own model against its rules:
    one that the person submitted, or whose code the person was the first to submit (`author`). Pure."""
    if person is None:
        raise ForbiddenError(
            f"{said.person!r} has no account here; a reviewer of team {row.team} answers run {row.id}."
        )
    person.require(Role.REVIEWER, row.team)
    if said.verdict is Verdict.APPROVE and person.name == row.submitter and not review.self_approval:
        raise ForbiddenError(f"{person.name} submitted run {row.id}; another person must review it.")
    if said.verdict is Verdict.APPROVE and person.name == author and not review.self_approval:
        raise ForbiddenError(f"{person.name} submitted the code of run {row.id} first; another person must review it.")


def outcome(opinions: Sequence[tuple[str, Verdict]], submitter: str, needed: int, self_approval: bool) -> ReviewState:
    """Where a question stands after what was said, in its order: one refusal decides, and so do enough approvals. Pure."""
    for _, verdict in opinions:
        if verdict is Verdict.REJECT:
            return ReviewState.REJECTED
        if verdict is Verdict.ASK_CHANGES:
            return ReviewState.CHANGES_ASKED
    approvals = {person for person, verdict in opinions if verdict is Verdict.APPROVE}
    enough = len(counted(approvals, submitter, self_approval)) >= needed
    return ReviewState.APPROVED if enough else ReviewState.OPEN


def _question(row: Submission, version: str, rules: ReviewRules) -> Review:
    now = time.time()
    review = Review(
        submission=row.id,
        model=row.model,
        version=version,
        state=ReviewState.OPEN,
        needed=rules.approvers,
        self_approval=rules.self_approval,
        due=now + rules.days * DAY,
        reason="",
        asked=now,
    )
    if not rules.approvers:
        review.state, review.reviewer, review.via, review.answered = ReviewState.APPROVED, "nobody", Door.SPEC, now
        review.reason = f"the rules ask for no approver ({rules_of(row).documents.get('release.review.approvers', '')})"
    return review


def _revoked(session: Session, review: Review) -> str:
    """The sentence of the version's revocation, or ""."""
    row = session.get(Revocation, (review.model, review.version))
    return "" if row is None else row.in_words


def _opinions(session: Session, run: str) -> Sequence[Opinion]:
    return session.scalars(select(Opinion).where(Opinion.submission == run).order_by(Opinion.at)).all()


def _write(session: Session, review: Review, said: Said) -> None:
    opinion = session.get(Opinion, (review.submission, said.person))
    if opinion is None:
        opinion = Opinion(submission=review.submission, person=said.person)
        session.add(opinion)
    elif opinion.verdict is said.verdict:
        return
    opinion.verdict, opinion.via, opinion.reason, opinion.at = said.verdict, said.via, clean(said.reason), time.time()


def _decide(review: Review, row: Submission, opinions: Sequence[Opinion], said: Said) -> None:
    spoken = [(item.person, item.verdict) for item in opinions]
    state = outcome(spoken, row.submitter, review.needed, review.self_approval)
    if state is ReviewState.OPEN:
        return
    deciding = [said.person]
    if state is ReviewState.APPROVED:
        deciding = [item.person for item in opinions if item.verdict is Verdict.APPROVE]
    review.state, review.reviewer, review.via = state, ", ".join(deciding), said.via
    review.reason, review.answered = clean(said.reason), time.time()


_STATE = {
    Verdict.APPROVE: ReviewState.APPROVED,
    Verdict.REJECT: ReviewState.REJECTED,
    Verdict.ASK_CHANGES: ReviewState.CHANGES_ASKED,
}


def _says_the_same(review: Review, said: Said) -> bool:
    return review.state is _STATE[said.verdict]


def _ended(review: Review) -> str:
    if review.state is ReviewState.CANCELLED:
        return f"cancelled already: {review.reason}"
    return f"{review.state} by {review.reviewer} already."
