"""The trigger form in Airflow's UI sends what these tests send, and comes in through the same door as the command line."""

from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def airflow(platform: Any, folder: Any) -> httpx.Client:
    """Signed in, with the points model's code on the form's list."""
    platform.jinsu("cancel", platform.jinsu_json("submit", folder)["id"])
    client = platform.airflow()

    def offered() -> bool:
        params = client.get("/dags/lifecycle/details").json()["params"]
        return platform.code in params["code"]["schema"]["enum"] and "points.features" in params

    platform.until(offered, 45, "the form to offer the code")
    return client


def trigger(airflow: httpx.Client, **conf: Any) -> httpx.Response:
    """What the form sends; two underscores in a name stand for a dot."""
    named = {name.replace("__", "."): value for name, value in conf.items()}
    return airflow.post("/dags/lifecycle/dagRuns", json={"logical_date": None, "conf": named})


def admitted(platform: Any, airflow: httpx.Client, dag_run: str) -> str:
    """The submission from the form."""
    path = f"/dags/lifecycle/dagRuns/{dag_run}/taskInstances/admit/xcomEntries/submission"
    answer = platform.until(lambda: (seen := airflow.get(path)).is_success and seen, 30, "the run to be admitted")
    return str(answer.json()["value"])


def failure(platform: Any, airflow: httpx.Client, dag_run: str) -> str:
    """What the log of the failed first task says."""
    path = f"/dags/lifecycle/dagRuns/{dag_run}"
    platform.until(lambda: airflow.get(path).json()["state"] == "failed", 30, "the run to fail")
    tried = airflow.get(f"{path}/taskInstances/admit").json()["try_number"]
    assert tried == 1, "trying again cannot help"
    return airflow.get(f"{path}/taskInstances/admit/logs/1").text


def test_the_form_says_whose_code_it_is_and_what_its_parameters_are(airflow: httpx.Client, platform: Any) -> None:
    params = airflow.get("/dags/lifecycle/details").json()["params"]
    label = params["code"]["schema"]["values_display"][platform.code]
    assert label.startswith("points · ")
    assert label.endswith(platform.code[:8])
    assert (params["points.features"]["value"], params["points.features"]["schema"]["type"][0]) == (2, "integer")


def test_a_run_from_the_form(platform: Any, airflow: httpx.Client) -> None:
    answer = trigger(airflow, code=platform.code, points__note="{{ 7*7 }}", points__features=1, memory="1Gi")
    assert answer.is_success, answer.text
    run = admitted(platform, airflow, answer.json()["dag_run_id"])
    platform.until(lambda: platform.stage(run, "review"), 60, "the review")
    seen = platform.run(run)
    assert seen["submitter"] == answer.json()["triggering_user_name"]
    (points,) = [item for item in platform.jinsu_json("data", "list") if item["name"] == "points"]
    assert seen["dataset"] == f"points@{points['version']}"
    assert "note: {{ 7*7 }}\n" in platform.jinsu("logs", run), "what a user wrote stays text"
    platform.jinsu("review", "reject", run)
    assert platform.ended(run)["state"] == "failed"


def test_parameters_of_another_type_are_refused_by_the_form(platform: Any, airflow: httpx.Client) -> None:
    answer = trigger(airflow, code=platform.code, points__features=[1])
    assert answer.status_code == 400
    assert "[1] is not of type 'integer', 'null'" in answer.json()["detail"]


def test_code_that_is_not_on_the_list_is_refused(airflow: httpx.Client) -> None:
    answer = trigger(airflow, code="0" * 64)
    assert answer.status_code == 400
    assert "is not one of" in answer.json()["detail"]


@pytest.mark.parametrize("conf", [{}, {"code": None}], ids=["nothing chosen", "emptied"])
def test_a_run_without_code_fails_and_says_so(platform: Any, airflow: httpx.Client, conf: dict[str, Any]) -> None:
    """Whoever presses Trigger without choosing must not start some model's training."""
    dag_run = trigger(airflow, **conf).json()
    said = failure(platform, airflow, dag_run["dag_run_id"])
    assert "code: choose the version that is to be trained" in said
    assert "points" in said


def test_somebody_elses_submission_is_not_started_again(platform: Any, airflow: httpx.Client) -> None:
    run = platform.jinsu_json("runs")[0]["id"]
    dag_run = trigger(airflow, submission=run).json()
    assert "leave the field empty" in failure(platform, airflow, dag_run["dag_run_id"])
