"""What each person may do in Airflow: every role, every method, and everything that Airflow asks about."""

import itertools

import pytest
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.common.types import MenuItem
from hypothesis import given
from hypothesis import strategies as st

from jinsu.clients.dag_ids import DEFAULT_TEAM, dag_of, team_of
from jinsu.identity.people import Person
from jinsu.orchestration.permissions import Caller, Platform, Thing, may_find, may_see, may_touch, may_touch_dag
from jinsu.spec.parts import NAME
from jinsu.state.states import Role

TEAM, OTHER = "shopping", "search"
CALLERS: dict[str, Caller] = {
    "stranger": Person("sam"),
    "of another team": Person("olga", teams={OTHER: Role.OWNER}),
    "researcher": Person("mira", teams={TEAM: Role.RESEARCHER}),
    "reviewer": Person("rita", teams={TEAM: Role.REVIEWER}),
    "owner": Person("omar", teams={TEAM: Role.OWNER}),
    "administrator": Person("ada", admin=True),
    "platform": Platform(),
}
METHODS = [str(method) for method in ResourceMethod]
ENTITIES = [None, *(entity.name for entity in DagAccessEntity)]
MEMBERS = {"researcher", "reviewer", "owner", "platform"}

ALLOWED_CHANGES = {
    ("POST", "RUN"): MEMBERS,
    ("PUT", "HITL_DETAIL"): {"reviewer", "owner", "platform"},
    ("PUT", "RUN"): {"owner", "administrator", "platform"},
    ("PUT", "TASK_INSTANCE"): {"owner", "administrator", "platform"},
}
"""Who may make which change to a team's DAG. Whatever is not here is the platform's alone."""


@pytest.mark.parametrize(("method", "entity"), itertools.product(METHODS, ENTITIES))
def test_a_dag_is_touched_by_those_whose_role_allows_it(method: str, entity: str | None) -> None:
    allowed = {who for who, caller in CALLERS.items() if may_touch_dag(caller, method, entity, dag_of(TEAM))}
    if method == "GET":
        assert allowed == MEMBERS | {"administrator"}
    else:
        assert allowed == ALLOWED_CHANGES.get((method, entity or ""), {"platform"})


@pytest.mark.parametrize(("method", "entity"), itertools.product(METHODS, ENTITIES))
def test_a_list_is_read_by_everybody_and_changed_by_the_platform(method: str, entity: str | None) -> None:
    """Airflow leaves out of a list what the person may not read, but for the log's entries about no DAG."""
    allowed = {who for who, caller in CALLERS.items() if may_touch_dag(caller, method, entity, None)}
    if method != "GET":
        assert allowed == {"platform"}
    elif entity == "AUDIT_LOG":
        assert allowed == {"administrator", "platform"}
    else:
        assert allowed == set(CALLERS)


@pytest.mark.parametrize(("method", "entity"), itertools.product(METHODS, ENTITIES))
def test_a_dag_that_is_no_lifecycle_is_nobodys(method: str, entity: str | None) -> None:
    allowed = {who for who, caller in CALLERS.items() if may_touch_dag(caller, method, entity, "backups")}
    assert allowed == ({"platform", "administrator"} if method == "GET" else {"platform"})


def test_an_administrator_starts_and_approves_only_in_an_own_team() -> None:
    ada = Person("ada", admin=True, teams={OTHER: Role.REVIEWER})
    for method, entity in (("POST", "RUN"), ("PUT", "HITL_DETAIL")):
        assert may_touch_dag(ada, method, entity, dag_of(OTHER))
        assert not may_touch_dag(ada, method, entity, dag_of(TEAM))


@pytest.mark.parametrize(("method", "thing"), itertools.product(METHODS, Thing))
def test_what_belongs_to_no_dag_is_the_administrators(method: str, thing: Thing) -> None:
    allowed = {who for who, caller in CALLERS.items() if may_touch(caller, method, thing)}
    everybody_reads = method == "GET" and thing in (Thing.POOL, Thing.ASSET)
    assert allowed == (set(CALLERS) if everybody_reads else {"administrator", "platform"})


def test_pages_about_all_of_airflow_are_the_administrators() -> None:
    seen = {view.name for view in AccessView if may_see(CALLERS["owner"], view.name)}
    assert seen == {"WEBSITE", "DOCS", "PLUGINS", "CLUSTER_ACTIVITY"}
    assert all(may_see(CALLERS["administrator"], view.name) for view in AccessView)


def test_the_menu_shows_what_a_person_may_use() -> None:
    shown = {item.value for item in MenuItem if may_find(CALLERS["owner"], item.value)}
    assert shown == {"Dags", "Required Actions", "Pools", "Docs"}
    assert all(may_find(CALLERS["administrator"], item.value) for item in MenuItem)


# --- The names of the DAGs ---


@given(st.from_regex(NAME, fullmatch=True))
def test_each_team_has_a_dag_of_its_own(team: str) -> None:
    assert team_of(dag_of(team)) == team


def test_the_first_team_has_the_plain_name() -> None:
    assert dag_of(DEFAULT_TEAM) == "lifecycle"


@pytest.mark.parametrize("dag", ["lifecycle-", "lifecycle-default", "lifecycles", "backups", "", "default"])
def test_a_dag_of_another_name_is_no_teams(dag: str) -> None:
    assert team_of(dag) is None
