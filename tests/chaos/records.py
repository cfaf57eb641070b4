"""What the platform's own database says: stages under way, and everything about one run. The database may be away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select

from jinsu.errors import TransientError
from jinsu.runs import ledger
from jinsu.runs.stages import StageName
from jinsu.state.database import Database
from jinsu.state.states import LedgerEvent, StageState
from jinsu.state.tables import Candidate, Endpoint, LedgerEntry, Review, StageRecord, Submission

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class AtWork:
    """A stage that a run is in. key: the run key of its step, when it has one."""

    run: str
    model: str
    stage: StageName
    key: str | None


@dataclass(frozen=True)
class Facts:
    """Everything that the records say about one run that has ended."""

    submission: Submission
    stages: tuple[StageRecord, ...]
    candidates: tuple[Candidate, ...]
    review: Review | None
    promoted: tuple[LedgerEntry, ...]

    def stage(self, name: StageName) -> StageRecord | None:
        return next((stage for stage in self.stages if stage.name is name), None)


class Records:
    """Reads; every answer waits for a database that is away."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def at_work(self) -> list[AtWork]:
        query = (
            select(StageRecord, Submission.model)
            .join(Submission, Submission.id == StageRecord.submission)
            .where(StageRecord.state == StageState.RUNNING, Submission.ended.is_(None))
        )
        with self._database.begin() as session:
            return [
                AtWork(row.submission, model, StageName(row.name), row.run_key) for row, model in session.execute(query)
            ]

    def submission(self, run: str) -> Submission:
        return self._ask(lambda session: session.get_one(Submission, run))

    def review(self, run: str) -> Review | None:
        return self._ask(lambda session: session.get(Review, run))

    def progress(self, run: str) -> str:
        """The run's stages and their states, in one text that changes when something goes on."""
        query = select(StageRecord).where(StageRecord.submission == run).order_by(StageRecord.started)
        rows = self._ask(lambda session: session.scalars(query).all())
        return ", ".join(f"{row.name} {row.state} ({row.detail})" for row in rows) or "its submission"

    def begun_since(self, moment: float) -> bool:
        """Whether a stage of any run has begun since."""
        query = select(StageRecord.started).where(StageRecord.started > moment).limit(1)
        return self._ask(lambda session: session.scalar(query)) is not None

    def champions(self) -> dict[str, str]:
        return self._ask(lambda session: {row.model: row.champion for row in session.scalars(select(Endpoint))})

    def ledger_faults(self) -> tuple[str, ...]:
        return self._ask(lambda session: ledger.verify(session).faults)

    def facts(self, run: str) -> Facts:
        def read(session: Any) -> Facts:
            of_run = {kind: kind.submission == run for kind in (StageRecord, Candidate, LedgerEntry)}
            promoted = of_run[LedgerEntry] & (LedgerEntry.event == LedgerEvent.PROMOTED)
            return Facts(
                session.get_one(Submission, run),
                tuple(session.scalars(select(StageRecord).where(of_run[StageRecord]))),
                tuple(session.scalars(select(Candidate).where(of_run[Candidate]))),
                session.get(Review, run),
                tuple(session.scalars(select(LedgerEntry).where(promoted))),
            )

        return self._ask(read)

    def _ask(self, question: Callable[[Any], _Answer], patience: float = 60.0) -> _Answer:
        deadline = time.monotonic() + patience
        while True:
            try:
                with self._database.begin() as session:
                    return question(session)
            except TransientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
