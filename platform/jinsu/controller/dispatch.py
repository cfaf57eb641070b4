"""Starts a DAG run for every submission that has a place. The rows are the queue, so an outage of Airflow loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.clients.airflow import Airflow
from jinsu.controller.each import for_each
from jinsu.errors import JinsuError, TransientError
from jinsu.runs.journal import Journal
from jinsu.runs.places import Places
from jinsu.state.database import Database
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission


@dataclass(frozen=True)
class Dispatcher:
    """Gives free places to runs that wait, and starts those that have one. One pass is `run()`; it may be repeated."""

    database: Database
    journal: Journal
    places: Places
    airflow: Airflow

    def run(self) -> bool:
        """Returns whether a run that has a place is not started yet.

        Raises JinsuError, after every team had its turn, when Airflow did not take a run.
        """
        self.places.give()
        placed = self._placed()
        teams = {row.team: [other for other in placed if other.team == row.team] for row in placed}
        for_each(teams.values(), self._start_all)
        return bool(self._placed())

    def _placed(self) -> Sequence[Submission]:
        """Runs that have a place and no DAG run, in the order in which they got it."""
        with self.database.begin() as session:
            return session.scalars(
                select(Submission)
                .where(
                    Submission.state == SubmissionState.ACCEPTED,
                    Submission.dag_run.is_(None),
                    Submission.placed.is_not(None),
                )
                .order_by(Submission.placed, Submission.created)
            ).all()

    def _start_all(self, rows: Sequence[Submission]) -> None:
        """Starts the runs of one team. While Airflow cannot take one, as before it has read a new team's DAG, the team waits."""
        problems: list[JinsuError] = []
        for row in rows:
            try:
                self._start(row)
            except TransientError:
                raise
            except JinsuError as problem:
                problems.append(problem)
                self.journal.end(row.id, SubmissionState.FAILED, f"Airflow: it did not take the run: {problem}")
        for_each(problems, _raise)

    def _start(self, placed: Submission) -> None:
        run = placed.id
        self.airflow.trigger(run, {"submission": run}, team=placed.team, user=placed.submitter, at=placed.created)
        with self.database.begin() as session:
            row = session.get(Submission, run, with_for_update=True)
            if row is not None and row.dag_run is None:
                row.dag_run = run
                row.state = SubmissionState.QUEUED if row.state is SubmissionState.ACCEPTED else row.state


def _raise(problem: JinsuError) -> None:
    raise problem
