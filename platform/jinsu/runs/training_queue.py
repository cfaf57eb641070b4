"""Where a training stands that waits for one of the installation's slots, which Airflow's pool `training` counts.

Airflow gives slots in the order of its runs' logical dates, which are the times of their submission, and within a run in the
order of its trials.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from jinsu.codec import decode
from jinsu.runs.stages import Admitted, StageName
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.states import StageState
from jinsu.state.tables import StageRecord, Submission


@dataclass(frozen=True)
class TrainingQueue:
    """Reads the records of open runs."""

    settings: Settings
    database: Database

    def in_words(self, row: Submission) -> str:
        """One sentence about a run whose data is ready; "" when a slot is free, or its first trial has one."""
        slots = self.settings.training_slots
        with self.database.begin() as session:
            taken, waiting = _taken(session), _waiting(session)
        own = waiting.pop(row.id, None)
        if taken < slots or own is None or own.begun:
            return ""
        before = sum(other.trials for other in waiting.values() if other.since < own.since)
        some = "1 training is" if before == 1 else f"{before or 'no'} trainings are"
        which = "the only training slot" if slots == 1 else f"one of {slots} training slots"
        return f"It waits for {which}; {some} before it."


@dataclass(frozen=True)
class _Waiting:
    """trials: how many of a run's trials wait. since: when the run was submitted. begun: whether one of its trials began."""

    trials: int
    since: tuple[float, str]
    begun: bool


def _taken(session: Session) -> int:
    """How many trainings have a slot."""
    at_work = (StageState.RUNNING, StageState.WAITING)
    trainings = (
        select(StageRecord.trial)
        .join(Submission, Submission.id == StageRecord.submission)
        .where(StageRecord.name == StageName.TRAIN, StageRecord.state.in_(at_work), Submission.ended.is_(None))
    )
    return len(session.scalars(trainings).all())


def _waiting(session: Session) -> dict[str, _Waiting]:
    """Open runs whose data is ready and of which a trial has not begun."""
    admitted = aliased(StageRecord)
    ready = (
        select(Submission.id, Submission.created, admitted.output)
        .join(admitted, (admitted.submission == Submission.id) & (admitted.name == StageName.ADMIT))
        .where(
            Submission.ended.is_(None),
            _stage(StageName.VALIDATE_DATA, StageState.DONE),
            ~_stage(StageName.PACKAGE),
        )
    )
    runs = session.execute(ready).all()
    begun = Counter(
        session.scalars(
            select(StageRecord.submission).where(
                StageRecord.name == StageName.TRAIN, StageRecord.submission.in_([run for run, *_ in runs])
            )
        )
    )
    found = {
        run: _Waiting(decode(Admitted, output).trials - begun[run], (created, run), begun[run] > 0)
        for run, created, output in runs
    }
    return {run: waiting for run, waiting in found.items() if waiting.trials > 0}


def _stage(name: StageName, *states: StageState) -> ColumnElement[bool]:
    """Condition on submissions: whether the run has begun the stage, and, if any are given, is in one of these states."""
    begun = exists().where(StageRecord.submission == Submission.id, StageRecord.name == name)
    return begun.where(StageRecord.state.in_(states)) if states else begun
