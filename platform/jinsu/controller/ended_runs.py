"""Keeps Airflow and Jinsu agreed on which runs have ended.

A run that ended in Airflow ends here too: as cancelled when a person ended it by hand, else as failed, with what happened. A
run that ended here is failed there, and leaves no process, question or rollout behind.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select

from jinsu.clients.airflow import Airflow, Deed, FailedTask
from jinsu.controller.each import each_of, for_each
from jinsu.runs.cancellation import AT_WORK, Cancellation
from jinsu.runs.journal import Journal
from jinsu.state.database import Database
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import StageRecord, Submission

_RECENT_SECONDS = 600.0
_GRACE_SECONDS = 15.0
"""How long Airflow has to end a run by itself, after one of its stages failed."""
_LOOKS = 10
"""How many open runs are asked for one by one in each pass; all of them have their turn. Airflow's list has the latest ends."""
_OPEN = ("queued", "running")
_BY_HAND = "manual__"
"""How Airflow names a run that a person started from its form."""


@dataclass(frozen=True)
class EndedRuns:
    """One pass is `run()`; it may be repeated.

    _cleared: runs that have left nothing here; _settled: those that have ended in Airflow as well. _turn: open runs in the
    order in which they are asked for.
    """

    database: Database
    journal: Journal
    cancellation: Cancellation
    airflow: Airflow
    _settled: set[str] = field(default_factory=set, init=False)
    _cleared: set[str] = field(default_factory=set, init=False)
    _turn: list[str] = field(default_factory=list, init=False)

    def run(self) -> None:
        """Asks Airflow nothing while no run is open and none ended lately.

        Raises JinsuError, after every run had its turn, when Airflow or the launcher did not answer about one.
        """
        if not self._open() and not self._over():
            return
        ended = self.airflow.ended_runs()
        # Read after the answer: a run that is still open did not end by itself.
        open_runs, over = self._open(), self._over()
        told = [row for row in open_runs if (row.team, row.dag_run) in ended]
        each_of(
            lambda: for_each(told, lambda row: self._end(row, ended[row.team, str(row.dag_run)])),
            lambda: for_each(self._next(open_runs, ended), self._look),
            lambda: for_each(over, lambda row: self._complete(row, (row.team, row.dag_run) in ended)),
        )

    def _open(self) -> Sequence[Submission]:
        """Open runs that Airflow has."""
        with self.database.begin() as session:
            return session.scalars(
                select(Submission).where(Submission.ended.is_(None), Submission.dag_run.is_not(None))
            ).all()

    def _over(self) -> Sequence[Submission]:
        """Runs that failed or were cancelled, lately or with a stage that is still at work."""
        at_work = select(StageRecord.submission).where(StageRecord.state.in_(AT_WORK))
        with self.database.begin() as session:
            return session.scalars(
                select(Submission).where(
                    Submission.state.in_((SubmissionState.FAILED, SubmissionState.CANCELLED)),
                    or_(Submission.ended > time.time() - _RECENT_SECONDS, Submission.id.in_(at_work)),
                )
            ).all()

    # --- Runs that ended in Airflow ---

    def _next(self, open_runs: Sequence[Submission], ended: dict[tuple[str, str], str]) -> list[Submission]:
        """Those whose turn it is to be asked for."""
        rows = {row.id: row for row in open_runs if _began_there(row) and (row.team, row.dag_run) not in ended}
        waiting = [run for run in self._turn if run in rows]
        waiting += sorted(rows.keys() - set(waiting))
        self._turn[:] = [*waiting[_LOOKS:], *waiting[:_LOOKS]]
        return [rows[run] for run in waiting[:_LOOKS]]

    def _look(self, row: Submission) -> None:
        state = self.airflow.run_state(str(row.dag_run), team=row.team)
        if state not in _OPEN:
            self._end(row, state)

    def _end(self, row: Submission, state: str | None) -> None:
        """Ends a run that ended in Airflow. state: as what; None when the DAG run is gone."""
        if self.journal.submission(row.id).ended is not None:
            return  # by itself, while Airflow was asked
        dag_run = str(row.dag_run)
        deed = ending(self.airflow.deeds(dag_run, team=row.team), state)
        if deed is not None:
            self.journal.end(row.id, SubmissionState.CANCELLED, in_words(deed))
        else:
            task = self.airflow.failed_task(dag_run, team=row.team) if state == "failed" else None
            self.journal.end(row.id, SubmissionState.FAILED, given_up(self._not_done(row.id), state, task))
        self._clear_up(row.id)
        self._settled.add(row.id)

    # --- Runs that ended here ---

    def _complete(self, row: Submission, ended_there: bool) -> None:
        """Ends what the run has left, in Airflow too, unless a person has its tasks done again there."""
        left = any(stage.state in AT_WORK for stage in self._not_done(row.id))
        if row.id in self._settled and not left:
            return
        if ended_there or row.dag_run is None or self._ended_in_airflow(row):
            self._clear_up(row.id, left)
            self._settled.add(row.id)
            return
        self._settled.discard(row.id)
        if row.state is SubmissionState.FAILED and self._taken_up(row):
            self._cleared.discard(row.id)
            self.journal.reopen(row.id)
            return
        self._clear_up(row.id, left)
        if row.state is SubmissionState.CANCELLED or row.ended is None or row.ended < time.time() - _GRACE_SECONDS:
            self.airflow.fail_run(str(row.dag_run), team=row.team)

    def _ended_in_airflow(self, row: Submission) -> bool:
        return self.airflow.run_state(str(row.dag_run), team=row.team) not in _OPEN

    def _taken_up(self, row: Submission) -> bool:
        deeds = self.airflow.deeds(str(row.dag_run), team=row.team)
        return any(deed.what == "cleared" and row.ended is not None and deed.at > row.ended for deed in deeds[:1])

    def _clear_up(self, run: str, again: bool = False) -> None:
        if again or run not in self._cleared:
            self.cancellation.clear_up(run)
            self._cleared.add(run)

    def _not_done(self, run: str) -> Sequence[StageRecord]:
        """The run's stages that have not ended well, in the order in which they began."""
        with self.database.begin() as session:
            return session.scalars(
                select(StageRecord)
                .where(StageRecord.submission == run, StageRecord.state != StageState.DONE)
                .order_by(StageRecord.started)
            ).all()


def _began_there(row: Submission) -> bool:
    """Whether Airflow executes the run: the runs of another engine are unknown there. Pure."""
    return row.dag_run == row.id or str(row.dag_run).startswith(_BY_HAND)


def ending(deeds: Sequence[Deed], state: str | None) -> Deed | None:
    """The deed by which a person ended the run, or None when the last of their deeds did not. Pure. deeds: newest first."""
    last = deeds[0] if deeds else None
    return last if last is not None and last.what == ("deleted" if state is None else state) else None


def in_words(deed: Deed) -> str:
    """`ann marked train as failed in Airflow`. Pure."""
    thing = deed.task or "the run"
    match deed.what:
        case "deleted":
            return f"{deed.person} deleted it in Airflow"
        case "success":
            return f"{deed.person} marked {thing} as successful in Airflow, before its version was promoted"
        case _:
            return f"{deed.person} marked {thing} as failed in Airflow"


def given_up(stages: Sequence[StageRecord], state: str | None, task: FailedTask | None) -> str:
    """Why a run failed that no person ended. Pure. stages: those that are not done, in the order in which they began."""
    if state is None:
        return "Airflow: its DAG run is gone, and nobody is on record who deleted it; submit it again."
    if state == "success":
        return "Airflow: its DAG run ended as successful before its version was promoted; submit it again."
    at_work = [stage for stage in stages if stage.state is StageState.RUNNING]
    stage = at_work[-1] if at_work else stages[-1] if stages else None
    tries = "" if task is None else f" after {task.tries} of {task.allowed} tries"
    if stage is None:
        name = "its next stage" if task is None else task.task
        return f"{name}: Airflow ended it{tries}, before the stage could say why; see its log in Airflow."
    if stage.state is StageState.RUNNING:
        return (
            f"{stage.name}: its task was killed, or lost its worker, and Airflow gave up on it{tries}; "
            "see its log in Airflow, and submit it again."
        )
    if stage.state is StageState.WAITING:
        return f"{stage.name}: {stage.detail} (Airflow gave up on it{tries})"
    return f"{stage.name}: {stage.detail}"
