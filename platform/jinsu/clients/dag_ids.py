"""The names of the lifecycle's DAGs in Airflow: one for each team, so that Airflow's rights can follow the teams. Pure."""

from __future__ import annotations

DEFAULT_TEAM = "default"
"""The team of an installation that has made no other one."""
_LIFECYCLE = "lifecycle"


def dag_of(team: str) -> str:
    """The id of the DAG that carries the runs of a team."""
    return _LIFECYCLE if team == DEFAULT_TEAM else f"{_LIFECYCLE}-{team}"


def team_of(dag_id: str) -> str | None:
    """The team whose runs a DAG carries; None for a DAG that is no team's lifecycle."""
    team = DEFAULT_TEAM if dag_id == _LIFECYCLE else dag_id.removeprefix(f"{_LIFECYCLE}-")
    return team if team and dag_of(team) == dag_id else None
