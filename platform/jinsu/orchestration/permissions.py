"""What a person may do in Airflow, decided from their roles. Pure: nothing of Airflow is imported.

Airflow asks with a method (GET, POST, PUT or DELETE) and names what of a DAG is concerned, such as RUN or XCOM. PUT stands
for every change: pausing, marking, clearing, answering. A list is asked for without a DAG's id, and Airflow leaves out of
the list what the person may not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from jinsu.clients.dag_ids import team_of
from jinsu.identity.people import Person
from jinsu.state.states import Role


@dataclass(frozen=True)
class Platform:
    """The platform itself, also where it acts in the name of a person who acted through another door."""


Caller = Person | Platform


class Thing(StrEnum):
    """What belongs to the whole of Airflow, not to a DAG."""

    CONFIGURATION = "configuration"
    """Airflow's settings."""
    CONNECTION = "connection"
    """Addresses and passwords of other systems."""
    VARIABLE = "variable"
    """Values for tasks; the platform uses none."""
    POOL = "pool"
    """How many tasks of a kind run at a time."""
    ASSET = "asset"
    """What tasks produce, in Airflow's sense; the platform declares none."""


_RUN, _TASK_INSTANCE, _ANSWER, _AUDIT_LOG = "RUN", "TASK_INSTANCE", "HITL_DETAIL", "AUDIT_LOG"

_ROLE_NEEDED: Mapping[tuple[str, str], Role] = {
    ("POST", _RUN): Role.RESEARCHER,  # starts a run from the form
    ("PUT", _ANSWER): Role.REVIEWER,  # answers a required action
    ("PUT", _RUN): Role.OWNER,  # marks a run as failed, or clears it
    ("PUT", _TASK_INSTANCE): Role.OWNER,  # marks a task as failed, or clears it
}
"""The changes that a team's people make in Airflow. Every other change is the platform's alone."""

_ADMINISTRATORS_MAY = frozenset({("PUT", _RUN), ("PUT", _TASK_INSTANCE)})
"""What an administrator does to the runs of any team: stop what harms. They start and approve only in their own teams."""

_EVERYBODY_READS = frozenset({Thing.POOL, Thing.ASSET})
_EVERYBODY_SEES = frozenset({"WEBSITE", "DOCS", "PLUGINS", "CLUSTER_ACTIVITY"})
_EVERYBODYS_MENU = frozenset({"Dags", "Required Actions", "Pools", "Docs"})


def may_touch_dag(caller: Caller, method: str, entity: str | None, dag_id: str | None) -> bool:
    """Whether the caller may do this to a DAG, or to its `entity`. dag_id: None where Airflow asks about a list."""
    if isinstance(caller, Platform):
        return True
    if dag_id is None:  # entries of the log that concern no DAG are in every list of the log
        return method == "GET" and (entity != _AUDIT_LOG or caller.admin)
    team = team_of(dag_id)
    if method == "GET":
        return caller.admin or team in caller.teams
    if team is None or entity is None:
        return False
    needed = _ROLE_NEEDED.get((method, entity))
    return (needed is not None and caller.has(needed, team)) or (
        caller.admin and (method, entity) in _ADMINISTRATORS_MAY
    )


def may_touch(caller: Caller, method: str, thing: Thing) -> bool:
    """Whether the caller may do this to something that belongs to no DAG."""
    return _runs_it_all(caller) or (method == "GET" and thing in _EVERYBODY_READS)


def may_see(caller: Caller, view: str) -> bool:
    """Whether the caller may see a page about the whole of Airflow, such as JOBS."""
    return _runs_it_all(caller) or view in _EVERYBODY_SEES


def may_find(caller: Caller, menu_item: str) -> bool:
    """Whether the menu shows the caller this item."""
    return _runs_it_all(caller) or menu_item in _EVERYBODYS_MENU


def _runs_it_all(caller: Caller) -> bool:
    return isinstance(caller, Platform) or caller.admin
