"""One question, three doors: whichever a reviewer takes, the same run goes on."""

from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def waiting(platform: Any) -> dict[str, str]:
    """Runs that wait for a person, by model."""
    runs = {name: platform.submit(name, review="required") for name in ("by-cli", "by-mlflow", "by-airflow", "refused")}
    for name, run in runs.items():
        platform.until(lambda run=run: asked(platform, run), 60, f"the review of {name}")
    return runs


def asked(platform: Any, run: str) -> bool:
    return any(review["run"] == run for review in platform.jinsu_json("review", "list"))


def approved(platform: Any, run: str) -> dict[str, Any]:
    """Who approved the run, which went on to its end."""
    ended = platform.ended(run)
    assert ended["state"] == "succeeded", ended["why"]
    return dict(platform.stage(run, "review")["output"])


def test_a_researcher_may_not_approve(platform: Any, waiting: dict[str, str]) -> None:
    said = platform.jinsu("review", "approve", waiting["by-cli"], token=platform.token("minji"), code=4)
    assert said == "jinsu: minji is a researcher of team default; this needs a reviewer of that team.\n"
    assert asked(platform, waiting["by-cli"])


def test_the_command_line_approves(platform: Any, waiting: dict[str, str]) -> None:
    platform.jinsu("review", "approve", waiting["by-cli"], token=platform.token("rita"))
    assert approved(platform, waiting["by-cli"]) == {"version": "1", "reviewer": "rita", "via": "cli"}


def test_the_alias_in_mlflow_approves(platform: Any, waiting: dict[str, str]) -> None:
    body = {"name": "by-mlflow", "alias": "challenger", "version": "1"}
    answer = platform.mlflow("rita").post("/api/2.0/mlflow/registered-models/alias", json=body)
    assert answer.is_success, answer.text
    assert approved(platform, waiting["by-mlflow"]) == {"version": "1", "reviewer": "rita", "via": "mlflow"}


def test_the_task_in_airflow_approves(platform: Any, waiting: dict[str, str]) -> None:
    run = waiting["by-airflow"]
    body = {"chosen_options": ["Approve"], "params_input": {"reason": "looks good"}}
    answer = platform.airflow("rita").patch(
        f"/dags/lifecycle/dagRuns/{run}/taskInstances/review/-1/hitlDetails", json=body
    )
    assert answer.is_success, answer.text
    assert approved(platform, run) == {"version": "1", "reviewer": "rita", "via": "airflow"}


def test_a_rejection_ends_the_run_with_its_reason(platform: Any, waiting: dict[str, str]) -> None:
    run = waiting["refused"]
    platform.jinsu("review", "reject", run, "--reason", "worse on sevens", token=platform.token("rita"))
    ended = platform.ended(run)
    assert ended["state"] == "failed"
    assert ended["reason"] == "review: rita rejected version 1: worse on sevens"
    assert not platform.ledger("refused")
    airflow = platform.airflow()
    platform.until(
        lambda: airflow.get(f"/dags/lifecycle/dagRuns/{run}").json()["state"] == "failed", 20, "Airflow to agree"
    )


def test_the_second_answer_is_told_who_was_first(platform: Any, waiting: dict[str, str]) -> None:
    said = platform.jinsu("review", "reject", waiting["by-cli"], token=platform.token("rita"), code=5)
    assert "was approved by rita already" in said


def test_two_approvers_are_two_people_and_not_the_submitter(platform: Any) -> None:
    """A strict team: whoever submitted cannot approve through any door, and one approval is not enough."""
    platform.know("dana", strict="reviewer")
    platform.know("emil", strict="reviewer")
    platform.know("fred", strict="owner")
    policy = {"review": {"approvers": 2}}
    assert platform.api.put("/teams/strict/policy", json={"document": policy}).is_success
    platform.jinsu("grant", "add", "dataset", "points", "strict")
    body = {"code_digest": platform.code, "idempotency_key": "strict", "overrides": {"name": "strict-model"}}
    run = platform.api_as("dana").post("/submissions", json=body).json()["id"]
    platform.until(lambda: platform.stage(run, "review"), 60, "the review")
    alias = {"name": "strict-model", "alias": "challenger", "version": "1"}

    def answer_in_mlflow(name: str) -> Any:
        return platform.mlflow(name).post("/api/2.0/mlflow/registered-models/alias", json=alias)

    assert "another person must review it" in platform.jinsu(
        "review", "approve", run, token=platform.token("dana"), code=4
    )
    platform.until(lambda: answer_in_mlflow("dana").status_code == 403, 10, "MLflow to refuse the submitter")
    assert not platform.versions("strict-model")[0].get("aliases")
    assert answer_in_mlflow("emil").is_success
    seen = platform.token("emil")
    platform.until(
        lambda: "1 of 2 approvals: emil" in platform.jinsu("review", "show", run, token=seen), 20, "emil's approval"
    )
    assert platform.stage(run, "review")["state"] == "running"
    platform.jinsu("review", "approve", run, token=platform.token("fred"))
    assert approved(platform, run) == {"version": "1", "reviewer": "emil, fred", "via": "cli"}
    assert platform.ledger("strict-model")[0]["actor"] == "emil, fred"
