"""Places among the runs that work. A run that waits for a person or for traffic has none; docs/adr/0020-queues.md says why."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, not_, or_, select
from sqlalchemy.orm import Session

from jinsu.release.advance import Phase
from jinsu.runs.fair_order import Claim, Limits, Queue, queue
from jinsu.runs.rollouts import ACTIVE
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.states import ReviewState
from jinsu.state.tables import Review, Rollout, Submission

_IN_CANARY = tuple(phase for phase in ACTIVE if phase is not Phase.PROMOTING)


def limits_of(settings: Settings) -> Limits:
    """The installation's limits. In all: twice as many runs as trainings, and 16 at least, so that slots stay busy. Pure."""
    in_all = settings.runs_at_once or max(16, 2 * settings.training_slots)
    return Limits(in_all, settings.runs_per_team, settings.runs_per_person)


def waits_for_others() -> ColumnElement[bool]:
    """Condition on submissions: whether the run waits for a person's review, or for the traffic of its rollout."""
    asked = exists().where(Review.submission == Submission.id, Review.state == ReviewState.OPEN)
    rolling_out = exists().where(Rollout.submission == Submission.id, Rollout.phase.in_(_IN_CANARY))
    return or_(asked, rolling_out)


@dataclass(frozen=True)
class Places:
    """Gives places to runs in their order, and says where a run stands."""

    settings: Settings
    database: Database

    def give(self) -> bool:
        """Gives every free place away. Returns whether runs still wait. The controller alone calls it."""
        with self.database.begin() as session:
            found = self._queue(session)
            for run in found.let_in:
                row = session.get(Submission, run, with_for_update=True)
                if row is not None and row.ended is None and row.placed is None:
                    row.placed = time.time()
        return bool(found.waiting)

    def has(self, run: str) -> bool:
        """Whether the run has a place, or has ended and needs none."""
        with self.database.begin() as session:
            row = session.get(Submission, run)
        return row is None or row.placed is not None or row.ended is not None

    def in_words(self, row: Submission) -> str:
        """One sentence about where a run without a place stands."""
        with self.database.begin() as session:
            found, at_work = self._queue(session), _claims(session, at_work=True)
        limits = limits_of(self.settings)
        if row.id in found.waiting:
            before = found.waiting.index(row.id)
            return f"It waits for a place: {len(at_work)} runs are at work, as many as may; {_runs(before)} before it."
        if row.id in found.held:
            person = sum(claim.person == row.submitter for claim in at_work)
            if person >= limits.per_person:
                return f"It waits because {row.submitter} has {person} runs at work, the most that one person may have."
            team = sum(claim.team == row.team for claim in at_work)
            return f"It waits because team {row.team} has {team} runs at work; a team may have {limits.per_team}."
        return "It is accepted and gets its place now."

    def _queue(self, session: Session) -> Queue:
        return queue(_claims(session, at_work=False), _claims(session, at_work=True), limits_of(self.settings))


def _claims(session: Session, *, at_work: bool) -> list[Claim]:
    placed = and_(Submission.placed.is_not(None), not_(waits_for_others()))
    condition = placed if at_work else Submission.placed.is_(None)
    columns = Submission.id, Submission.team, Submission.submitter, Submission.created
    rows = session.execute(select(*columns).where(Submission.ended.is_(None), condition))
    return [Claim(run, team, person, since) for run, team, person, since in rows]


def _runs(number: int) -> str:
    return "1 run is" if number == 1 else f"{number or 'no'} runs are"
