"""Ends runs of which a stage has been at work for longer than it may.

The controller counts the seconds itself and keeps them in the stage's record: a clock that is set, a laptop that sleeps and
a platform that is down use up no stage's time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, exists, not_, or_, select, tuple_, update

from jinsu.controller.each import for_each
from jinsu.release.advance import Phase
from jinsu.runs.cancellation import AT_WORK, Cancellation
from jinsu.runs.deadlines import deadline_of, too_long
from jinsu.runs.journal import Journal, rules_of, spec_of
from jinsu.runs.stages import StageName
from jinsu.state.database import Database
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Rollout, StageRecord, Submission

PACE_SECONDS = 15.0
_LONGEST_STEP_SECONDS = 4 * PACE_SECONDS
"""The most that one pass adds: the controller did not look while it was stopped, so it cannot say that a stage worked."""


@dataclass(frozen=True)
class StageDeadlines:
    """One pass is `run()`; it may be repeated. clock: seconds that nobody sets."""

    database: Database
    journal: Journal
    cancellation: Cancellation
    clock: Callable[[], float]
    _last: list[float] = field(default_factory=list, init=False)

    def run(self) -> None:
        """Raises JinsuError, after every run had its turn, when the launcher did not answer about one."""
        now = self.clock()
        since = min(now - self._last[0], _LONGEST_STEP_SECONDS) if self._last else 0.0
        self._last[:] = [now]
        self._count(since)
        for_each(self._stages(), lambda found: self._judge(*found))

    def _count(self, seconds: float) -> None:
        at_work = (
            select(StageRecord.submission, StageRecord.name, StageRecord.trial)
            .join(Submission, Submission.id == StageRecord.submission)
            .where(_at_work())
        )
        key = tuple_(StageRecord.submission, StageRecord.name, StageRecord.trial)
        with self.database.begin() as session:
            session.execute(
                update(StageRecord)
                .where(key.in_(at_work))
                .values(spent=StageRecord.spent + seconds)
                .execution_options(synchronize_session=False)
            )

    def _stages(self) -> list[tuple[Submission, StageRecord]]:
        with self.database.begin() as session:
            rows = session.execute(
                select(Submission, StageRecord)
                .join(StageRecord, Submission.id == StageRecord.submission)
                .where(_at_work())
            )
            return [(run, stage) for run, stage in rows]

    def _judge(self, run: Submission, stage: StageRecord) -> None:
        """Ends the run when the stage is past its deadline."""
        name = StageName(stage.name)
        most = deadline_of(name, spec_of(run), rules_of(run))
        if most is not None and stage.spent > most:
            self.journal.end(run.id, SubmissionState.FAILED, too_long(name, most))
            self.cancellation.clear_up(run.id)


def _at_work() -> ColumnElement[bool]:
    """Condition on stages of open runs: at work, and not waiting for a person."""
    halted = exists().where(Rollout.submission == Submission.id, Rollout.phase == Phase.HALTED)
    waits = or_(StageRecord.name == StageName.REVIEW, and_(StageRecord.name == StageName.CANARY, halted))
    return and_(Submission.ended.is_(None), StageRecord.state.in_(AT_WORK), not_(waits))
