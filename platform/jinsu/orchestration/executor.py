"""Airflow's LocalExecutor for short tasks: its workers import before they are forked, and an idle scheduler waits.

Without the imports the first task of each worker spends over a second on them; with them a task costs 0.15 s
(`make bench`, row "airflow overhead a step"). Without the waiting the scheduler asks its database six times a second
whether there is work; with it PostgreSQL notifies the scheduler (docs/adr/0015-rest.md). In each loop the scheduler looks at a
few of its active runs, those first that it has not looked at for longest; thousands of runs that wait for a reviewer would
all have their turn before one whose task has just ended, so such a run is put first (docs/adr/0020-queues.md).
"""

from __future__ import annotations

import time
from importlib import import_module
from multiprocessing.connection import wait

from airflow.configuration import conf
from airflow.executors.local_executor import LocalExecutor
from airflow.utils.session import create_session
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from jinsu import settings
from jinsu.clients.notifications import Notifications, Subscription
from jinsu.errors import TransientError
from jinsu.orchestration.watched_tables import WATCHED

BUSY_SECONDS = 0.15
IDLE_SECONDS = 2.5  # the scheduler's own timers and heartbeats (every 5 s) wait as long
SETTLE_SECONDS = 1.0
# What goes on by the clock: a run that waits for its turn, a retry, a task whose heartbeats may stop.
BUSY = """
SELECT EXISTS (SELECT FROM dag_run WHERE state = 'queued') OR EXISTS (
    SELECT FROM task_instance
    WHERE state IN ('queued', 'running', 'restarting', 'up_for_retry', 'up_for_reschedule')
)
"""
PUT_FIRST = """
UPDATE dag_run SET last_scheduling_decision = NULL WHERE id IN (
    SELECT run.id FROM dag_run AS run
    WHERE run.state = 'running' AND run.last_scheduling_decision IS NOT NULL
    AND (SELECT count(*) FROM (SELECT FROM dag_run WHERE state = 'running' LIMIT :examined + 1) AS active) > :examined
    AND EXISTS (
        SELECT FROM task_instance AS task WHERE task.dag_id = run.dag_id AND task.run_id = run.run_id AND (
            task.state = 'up_for_retry' OR (
                task.updated_at > run.last_scheduling_decision
                AND task.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
            )
        )
    )
    FOR UPDATE OF run SKIP LOCKED
)
"""
"""Airflow looks first at a run about which it has decided nothing yet. examined: how many runs it looks at in one loop; while
no more are active, the order does not matter."""
_PRELOADED = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.api.client",
    "airflow.sdk.definitions.dag",
    "airflow.sdk.execution_time.coordinator",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow.providers.standard.operators.hitl",
    "jinsu.orchestration.operators",
    "jinsu.installation",
    "jinsu.lifecycle.admit",
    "jinsu.lifecycle.stages",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
)


class PreloadedLocalExecutor(LocalExecutor):  # type: ignore[misc]
    def start(self) -> None:
        for module in _PRELOADED:
            try:
                import_module(module)
            except ImportError as problem:  # a module that moved costs time, not the scheduler
                self.log.warning("not preloaded: %s", problem)
        super().start()  # forks the workers, which must not share the connection that is opened later
        url = conf.get("database", "sql_alchemy_conn")
        self._subscription = Subscription(url, WATCHED, settings.load().notifications)
        self._heard: Notifications | None = None
        self._changed_at = 0.0
        self._examined = conf.getint("scheduler", "max_dagruns_per_loop_to_schedule")

    def sync(self) -> None:
        """Called once in each loop of the scheduler: waits until there may be work, then takes in what workers report."""
        try:
            self._wait()
        except TransientError as problem:
            self._subscription.failed(problem)
            time.sleep(BUSY_SECONDS)
        self._put_first()
        super().sync()

    def _put_first(self) -> None:
        """Without it the order is fair, and slow; so whatever goes wrong here stops no scheduler."""
        try:
            with create_session(scoped=False) as session:
                if session.get_bind().dialect.name == "postgresql":
                    session.execute(text(PUT_FIRST), {"examined": self._examined})
        except SQLAlchemyError as problem:
            self.log.warning("runs are looked at in their usual order: %s", type(problem).__name__)

    def _wait(self) -> None:
        """Ends when a watched table changed or a worker reports, at the latest after `BUSY_SECONDS` or `IDLE_SECONDS`.

        Raises TransientError when the database no longer sends notifications.
        """
        results, notifications = self.result_queue._reader, self._subscription.current()
        if notifications is not self._heard:
            self._heard, self._changed_at = notifications, time.monotonic()  # what changed meanwhile was not heard
        if notifications is None:
            wait([results], BUSY_SECONDS)
        elif not self._changed(notifications):
            busy = self._settling() or bool(self.running) or notifications.ask(BUSY)
            if not self._changed(notifications):  # also while it was asked
                wait([results, notifications.fileno()], BUSY_SECONDS if busy else IDLE_SECONDS)
                self._changed(notifications)

    def _changed(self, notifications: Notifications) -> bool:
        changed = bool(notifications.changed())
        if changed:
            self._changed_at = time.monotonic()
        return changed

    def _settling(self) -> bool:
        """Whether a change is so young that the transaction that made it may still hold rows, which Airflow skips."""
        return time.monotonic() < self._changed_at + SETTLE_SECONDS
