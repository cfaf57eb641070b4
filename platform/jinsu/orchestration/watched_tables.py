"""The tables of Airflow whose changes wake an idle scheduler. Nothing here imports Airflow."""

from __future__ import annotations

from jinsu.clients.notifications import WatchedTable

WATCHED = (
    WatchedTable("dag_run", ("state",)),
    WatchedTable("task_instance", ("state",)),
    WatchedTable("dag", ("is_paused",)),
)
