"""Airflow in memory answers as a real Airflow does: both are asked the same."""

import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.fake_airflow import SECRET, FakeAirflow
from tests.support.stage_bench import settings_of
from tests.support.waiting import until

from jinsu.clients.airflow import DAG, Airflow
from jinsu.errors import NotFoundError, PermanentError, TransientError
from jinsu.servers import airflow as server
from jinsu.settings import Settings

DAGS = Path(__file__).parents[2] / "dags"
TASK = "review"
numbers = itertools.count()

# What the task `review` does when it asks a person: it is deferred, and its question is in the database.
ASK = """
import sys
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
with create_session() as session:
    task = session.query(TaskInstance).filter_by(run_id=sys.argv[1], task_id=sys.argv[2]).one()
    task.state = "deferred"
    options = ["Approve", "Reject"]
    session.add(HITLDetail(ti_id=task.id, options=options, subject="?", params={"reason": {"value": ""}}))
"""


@dataclass
class Asked:
    """An Airflow, in memory or real, and a way to let a task ask a person."""

    airflow: Airflow
    ask: Callable[[str, str], None]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """The API server of a real Airflow, on SQLite, that has read the platform's DAG. Nothing executes its tasks."""
    home = tmp_path_factory.mktemp("airflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = environment_of(
        settings_of(home, airflow_url=address, airflow_database_url=f"sqlite:///{home}/airflow/airflow.db")
    )
    run = [sys.executable, "-m", "airflow"]
    subprocess.run([*run, "db", "migrate"], env=environment, check=True, capture_output=True)
    subprocess.run([*run, "dags", "reserialize"], env=environment, check=True, capture_output=True)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen([*run, "api-server"], env=environment, stdout=log, stderr=log)

    def ask(dag_run: str, task: str) -> None:
        command = [sys.executable, "-c", ASK, dag_run, task]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    try:
        until(lambda: answers(address), 120, lambda: (home / "server.log").read_text()[-2000:])
        yield Asked(Airflow(address, SECRET, timeout=60), ask)
    finally:
        process.terminate()
        process.wait(20)


def environment_of(settings: Settings) -> dict[str, str]:
    home = Path(settings.home) / "airflow"
    (home / "plugins").mkdir(parents=True)
    (home / "passwords.json").write_text(json.dumps(server.passwords(settings)))
    found = {**os.environ, **server.environment(settings, DAGS), "JINSU_HOME": settings.home}
    del found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"]  # SQLite's is Airflow's own to choose
    return found


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/v2/version").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(params=["in memory", "real"])
def asked(request: pytest.FixtureRequest) -> Asked:
    if request.param == "real":
        found: Asked = request.getfixturevalue("real")
        return found
    fake = FakeAirflow()
    return Asked(fake.connect(), fake.ask)


@pytest.fixture
def run() -> str:
    """A name that no other test uses: the real server is shared."""
    return f"toy-{next(numbers)}"


def question(airflow: Airflow, run: str) -> Any:
    return airflow._call("GET", f"dags/{DAG}/dagRuns/{run}/taskInstances/{TASK}/-1/hitlDetails")


def test_a_run_is_triggered_once(asked: Asked, run: str) -> None:
    airflow = asked.airflow
    assert not airflow.is_open(run)

    airflow.trigger(run, {"submission": run})
    airflow.trigger(run, {"submission": "another"})

    assert airflow.is_open(run)
    assert airflow._call("GET", f"dags/{DAG}/dagRuns/{run}")["conf"] == {"submission": run}
    assert run not in airflow.failed_runs()


def test_a_run_that_is_failed_has_ended(asked: Asked, run: str) -> None:
    airflow = asked.airflow
    airflow.trigger(run, {})
    for _ in range(2):
        airflow.fail_run(run)

    assert run in airflow.failed_runs()
    assert not airflow.is_open(run)
    with pytest.raises(NotFoundError):
        airflow.fail_run("never-triggered")


def test_the_file_of_the_lifecycle_may_be_parsed_anew_at_any_time(real: Asked) -> None:
    """Nothing parses here, so the first request is still there when the second one comes."""
    for _ in range(2):
        real.airflow.parse_again()


def test_a_name_that_no_run_may_have_is_refused(asked: Asked) -> None:
    with pytest.raises(PermanentError, match="does not match regex pattern"):
        asked.airflow.trigger("a name", {})


def test_a_question_is_answered_once_in_the_name_of_a_person(asked: Asked, run: str) -> None:
    airflow = asked.airflow
    assert not airflow.answer(run, TASK, "Approve", "", "bob")
    airflow.trigger(run, {})
    assert not airflow.answer(run, TASK, "Approve", "", "bob")  # it does not ask yet
    asked.ask(run, TASK)
    with pytest.raises(PermanentError, match="allowed options are"):
        airflow.answer(run, TASK, "Perhaps", "", "bob")

    assert airflow.answer(run, TASK, "Reject", "too slow", "bob")
    assert airflow.answer(run, TASK, "Approve", "", "eve")  # it is answered already

    found = question(airflow, run)
    assert found["chosen_options"] == ["Reject"]
    assert found["params_input"] == {"reason": "too slow"}
    assert found["responded_by_user"]["name"] == "bob"


def test_an_airflow_that_is_down_is_a_passing_problem() -> None:
    fake = FakeAirflow()
    airflow = fake.connect()
    fake.down = True
    with pytest.raises(TransientError, match="does not answer"):
        airflow.trigger("toy-1", {})
    fake.down, fake.refuse = False, lambda method, path: 503
    with pytest.raises(TransientError):
        airflow.failed_runs()
