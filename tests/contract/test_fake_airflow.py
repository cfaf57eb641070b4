"""Airflow in memory answers as a real Airflow does: both are asked the same."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from tests.support.fake_airflow import FakeAirflow
from tests.support.real_airflow import real_airflow

from jinsu.clients.airflow import Airflow
from jinsu.clients.dag_ids import dag_of
from jinsu.errors import NotFoundError, PermanentError, TransientError

TASK, TEAM, OTHER = "review", "shopping", "search"
numbers = itertools.count()


@dataclass
class Asked:
    """An Airflow, in memory or real, and a way to let a task ask a person."""

    airflow: Airflow
    ask: Callable[[str, str], None]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with real_airflow(tmp_path_factory.mktemp("airflow"), {"teams": {TEAM: {}, OTHER: {}}}) as found:
        yield Asked(found.airflow, lambda run, task: found.ask(run, task, TEAM))


@pytest.fixture(params=["in memory", "real"])
def asked(request: pytest.FixtureRequest) -> Asked:
    if request.param == "real":
        found: Asked = request.getfixturevalue("real")
        return found
    fake = FakeAirflow()
    fake.teams = {TEAM, OTHER}
    return Asked(fake.connect(), fake.ask)


@pytest.fixture
def run() -> str:
    """A name that no other test uses: the real server is shared."""
    return f"toy-{next(numbers)}"


def question(airflow: Airflow, run: str) -> Any:
    return airflow._call("GET", f"dags/{dag_of(TEAM)}/dagRuns/{run}/taskInstances/{TASK}/-1/hitlDetails")


def test_a_run_is_triggered_once(asked: Asked, run: str) -> None:
    airflow = asked.airflow
    assert airflow.run_state(run, team=TEAM) is None

    airflow.trigger(run, {"submission": run}, team=TEAM)
    airflow.trigger(run, {"submission": "another"}, team=TEAM)

    assert airflow.run_state(run, team=TEAM) == "queued"
    assert airflow._call("GET", f"dags/{dag_of(TEAM)}/dagRuns/{run}")["conf"] == {"submission": run}
    assert (TEAM, run) not in airflow.ended_runs()


def test_runs_of_the_same_moment_are_all_triggered_in_the_order_of_their_submission(asked: Asked, run: str) -> None:
    """Of one DAG no two runs may have the same logical date, by which Airflow's pools give slots."""
    at = time.time() - 3600
    for name in ("a", "b", "c"):
        asked.airflow.trigger(f"{run}{name}", {}, team=TEAM, at=at)

    shown = [asked.airflow._call("GET", f"dags/{dag_of(TEAM)}/dagRuns/{run}{name}") for name in ("a", "b", "c")]
    dates = [datetime.fromisoformat(document["logical_date"].replace("Z", "+00:00")) for document in shown]
    assert dates == sorted(set(dates))
    assert abs(dates[0].timestamp() - at) < 0.001


def test_a_run_belongs_to_the_person_who_submitted_it(asked: Asked, run: str) -> None:
    asked.airflow.trigger(run, {}, team=TEAM, user="mira")
    assert asked.airflow._call("GET", f"dags/{dag_of(TEAM)}/dagRuns/{run}")["triggering_user_name"] == "mira"


def test_a_run_is_its_teams_alone(asked: Asked, run: str) -> None:
    """Whoever triggers a run chooses its id, so another team may have one of the same id."""
    asked.airflow.trigger(run, {}, team=TEAM)

    assert asked.airflow.run_state(run, team=OTHER) is None
    with pytest.raises(NotFoundError):
        asked.airflow.fail_run(run, team=OTHER)
    asked.airflow.fail_run(run, team=TEAM)
    assert (OTHER, run) not in asked.airflow.ended_runs()


def test_the_dag_of_a_new_team_may_not_be_there_yet(asked: Asked, run: str) -> None:
    with pytest.raises(TransientError, match="has not read the DAG of team new yet"):
        asked.airflow.trigger(run, {}, team="new")


def test_a_note_stands_beside_a_task(asked: Asked, run: str) -> None:
    asked.airflow.trigger(run, {}, team=TEAM)
    asked.airflow.note(run, TASK, "x" * 2000, team=TEAM)
    asked.airflow.note(run, TASK, "1 of 2 approvals: rita", team=TEAM)
    with pytest.raises(NotFoundError):
        asked.airflow.note("never-triggered", TASK, "?", team=TEAM)


def test_a_run_that_is_failed_has_ended(asked: Asked, run: str) -> None:
    airflow = asked.airflow
    airflow.trigger(run, {}, team=TEAM)
    for _ in range(2):
        airflow.fail_run(run, team=TEAM)

    assert airflow.ended_runs()[TEAM, run] == "failed"
    assert airflow.run_state(run, team=TEAM) == "failed"
    assert airflow.deeds(run, team=TEAM) == [], "the platform is nobody"
    assert airflow.failed_task(run, team=TEAM) is None
    with pytest.raises(NotFoundError):
        airflow.fail_run("never-triggered", team=TEAM)


@pytest.mark.parametrize("state", ["failed", "success"])
def test_who_marked_a_run_is_known(asked: Asked, run: str, state: str) -> None:
    airflow, path = asked.airflow, f"dags/{dag_of(TEAM)}/dagRuns/{run}"
    airflow.trigger(run, {}, team=TEAM, user="mira")
    before = time.time()
    airflow._call("PATCH", path, {"state": state}, user="olga")

    (deed,) = airflow.deeds(run, team=TEAM)
    assert (deed.person, deed.what, deed.task) == ("olga", state, None)
    assert abs(deed.at - before) < 60
    assert airflow.ended_runs()[TEAM, run] == state
    assert airflow.deeds(run, team=OTHER) == []


def test_who_marked_a_task_or_cleared_one_is_known(real: Asked, run: str) -> None:
    airflow, path = real.airflow, f"dags/{dag_of(TEAM)}"
    airflow.trigger(run, {}, team=TEAM)
    airflow._call("PATCH", f"{path}/dagRuns/{run}/taskInstances/{TASK}", {"note": "odd"}, user="olga")
    airflow._call("PATCH", f"{path}/dagRuns/{run}/taskInstances/{TASK}", {"new_state": "failed"}, user="olga")
    failed = airflow.failed_task(run, team=TEAM)
    assert failed is not None
    assert (failed.task, failed.allowed) == (TASK, 26)
    airflow._call("POST", f"{path}/clearTaskInstances", {"dry_run": False, "dag_run_id": run}, user="rita")

    deeds = airflow.deeds(run, team=TEAM)
    assert [(deed.person, deed.what, deed.task) for deed in deeds] == [
        ("rita", "cleared", None),
        ("olga", "failed", TASK),
    ]


def test_who_deleted_a_run_is_known(real: Asked, run: str) -> None:
    airflow = real.airflow
    airflow.trigger(run, {}, team=TEAM)
    airflow._call("DELETE", f"dags/{dag_of(TEAM)}/dagRuns/{run}", user="ada")

    assert airflow.run_state(run, team=TEAM) is None
    assert [(deed.person, deed.what) for deed in airflow.deeds(run, team=TEAM)] == [("ada", "deleted")]
    assert airflow.failed_task(run, team=TEAM) is None


def test_the_file_of_the_lifecycle_may_be_parsed_anew_at_any_time(real: Asked) -> None:
    """Nothing parses here, so the first request is still there when the second one comes."""
    for _ in range(2):
        real.airflow.parse_again()


def test_a_name_that_no_run_may_have_is_refused(asked: Asked) -> None:
    with pytest.raises(PermanentError, match="does not match regex pattern"):
        asked.airflow.trigger("a name", {}, team=TEAM)


def test_a_question_is_answered_once_in_the_name_of_a_person(asked: Asked, run: str) -> None:
    airflow = asked.airflow
    assert not airflow.answer(run, TASK, "Approve", "", "bob", team=TEAM)
    airflow.trigger(run, {}, team=TEAM)
    assert not airflow.answer(run, TASK, "Approve", "", "bob", team=TEAM)  # it does not ask yet
    asked.ask(run, TASK)
    with pytest.raises(PermanentError, match="allowed options are"):
        airflow.answer(run, TASK, "Perhaps", "", "bob", team=TEAM)

    assert airflow.answer(run, TASK, "Reject", "too slow", "bob", team=TEAM)
    assert airflow.answer(run, TASK, "Approve", "", "eve", team=TEAM)  # it is answered already

    found = question(airflow, run)
    assert found["chosen_options"] == ["Reject"]
    assert found["params_input"] == {"reason": "too slow"}
    assert found["responded_by_user"]["name"] == "bob"


def test_an_answer_to_an_earlier_try_is_still_known(real: Asked, run: str) -> None:
    airflow = real.airflow
    airflow.trigger(run, {}, team=TEAM)
    real.ask(run, TASK)
    assert airflow.answer(run, TASK, "Approve", "fine", "bob", team=TEAM)
    number = airflow._call("GET", f"dags/{dag_of(TEAM)}/dagRuns/{run}/taskInstances/{TASK}")["try_number"]
    body = {"dry_run": False, "dag_run_id": run, "task_ids": [TASK], "only_failed": False, "only_running": False}
    airflow._call("POST", f"dags/{dag_of(TEAM)}/clearTaskInstances", body)

    found = airflow.answer_of_try(run, TASK, number, team=TEAM)
    assert found is not None
    assert (found["chosen_options"], found["params_input"]) == (["Approve"], {"reason": "fine"})
    assert found["responded_by_user"]["id"] == "bob"
    assert airflow.answer_of_try(run, TASK, 7, team=TEAM) is None


def test_an_airflow_that_is_down_is_a_passing_problem() -> None:
    fake = FakeAirflow()
    airflow = fake.connect()
    fake.down = True
    with pytest.raises(TransientError, match="does not answer"):
        airflow.trigger("toy-1", {}, team=TEAM)
    fake.down, fake.refuse = False, lambda method, path: 503
    with pytest.raises(TransientError):
        airflow.ended_runs()
