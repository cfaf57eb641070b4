"""The trigger form in Airflow's UI sends what these tests send, and comes in through the same door as the command line."""

from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def airflow(platform: Any, folder: Any) -> httpx.Client:
    """Signed in, with the points model on the form's list."""
    platform.jinsu("cancel", platform.jinsu_json("submit", folder)["id"])
    client = platform.airflow()

    def offered() -> bool:
        params = client.get("/dags/lifecycle/details").json()["params"]
        return "points" in params["model"]["schema"]["enum"]

    platform.until(offered, 45, "the form to offer the model")
    return client


def trigger(airflow: httpx.Client, **conf: Any) -> httpx.Response:
    return airflow.post("/dags/lifecycle/dagRuns", json={"logical_date": None, "conf": conf})


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


def test_a_run_from_the_form(platform: Any, airflow: httpx.Client) -> None:
    answer = trigger(airflow, model="points", train_params={"note": "{{ 7*7 }}", "features": 1})
    assert answer.is_success, answer.text
    run = admitted(platform, airflow, answer.json()["dag_run_id"])
    platform.until(lambda: platform.stage(run, "review"), 60, "the review")
    seen = platform.run(run)
    assert seen["submitter"] == "admin"
    assert (
        seen["dataset"]
        == platform.jinsu_json("data", "list")[0]["name"] + "@" + platform.jinsu_json("data", "list")[0]["version"]
    )
    assert "note: {{ 7*7 }}\n" in platform.jinsu("logs", run), "what a user wrote stays text"
    platform.jinsu("review", "reject", run)
    assert platform.ended(run)["state"] == "failed"


def test_the_same_parameters_are_refused_with_the_same_words(platform: Any, airflow: httpx.Client) -> None:
    body = {"code_digest": platform.code, "idempotency_key": "list", "overrides": {"train.params.features": [1]}}
    sentence = platform.api.post("/submissions", json=body).json()["error"]
    assert "train.params.features: [1] is wrong" in sentence
    dag_run = trigger(airflow, model="points", train_params={"features": [1]}).json()
    assert sentence in failure(platform, airflow, dag_run["dag_run_id"])


def test_an_unknown_model_is_refused(airflow: httpx.Client) -> None:
    answer = trigger(airflow, model="no-such-model")
    assert answer.status_code == 400
    assert "'no-such-model' is not one of" in answer.json()["detail"]


@pytest.mark.parametrize("conf", [{}, {"model": None}], ids=["nothing chosen", "emptied"])
def test_a_run_without_a_model_fails_and_says_so(platform: Any, airflow: httpx.Client, conf: dict[str, Any]) -> None:
    """Whoever presses Trigger without choosing must not start some model's training."""
    dag_run = trigger(airflow, **conf).json()
    said = failure(platform, airflow, dag_run["dag_run_id"])
    assert "model: " in said
    assert "points" in said
