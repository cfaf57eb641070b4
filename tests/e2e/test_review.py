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
    minji = platform.jinsu("user", "minji", "--role", "researcher").strip()
    said = platform.jinsu("review", "approve", waiting["by-cli"], token=minji, code=4)
    assert said == "jinsu: minji is a researcher; this needs a reviewer.\n"
    assert asked(platform, waiting["by-cli"])


def test_the_command_line_approves(platform: Any, waiting: dict[str, str]) -> None:
    platform.jinsu("review", "approve", waiting["by-cli"], token=platform.token("reviewer"))
    assert approved(platform, waiting["by-cli"]) == {"version": "1", "reviewer": "reviewer", "via": "cli"}


def test_the_alias_in_mlflow_approves(platform: Any, waiting: dict[str, str]) -> None:
    body = {"name": "by-mlflow", "alias": "challenger", "version": "1"}
    answer = platform.mlflow("mlflow_reviewer").post("/api/2.0/mlflow/registered-models/alias", json=body)
    assert answer.is_success, answer.text
    assert approved(platform, waiting["by-mlflow"]) == {"version": "1", "reviewer": "reviewer", "via": "mlflow"}


def test_the_task_in_airflow_approves(platform: Any, waiting: dict[str, str]) -> None:
    run = waiting["by-airflow"]
    body = {"chosen_options": ["Approve"], "params_input": {"reason": "looks good"}}
    answer = platform.airflow("reviewer").patch(
        f"/dags/lifecycle/dagRuns/{run}/taskInstances/review/-1/hitlDetails", json=body
    )
    assert answer.is_success, answer.text
    assert approved(platform, run) == {"version": "1", "reviewer": "reviewer", "via": "airflow"}


def test_a_rejection_ends_the_run_with_its_reason(platform: Any, waiting: dict[str, str]) -> None:
    run = waiting["refused"]
    platform.jinsu("review", "reject", run, "--reason", "worse on sevens", token=platform.token("reviewer"))
    ended = platform.ended(run)
    assert ended["state"] == "failed"
    assert ended["reason"] == "review: reviewer rejected version 1: worse on sevens"
    assert not platform.ledger("refused")
    airflow = platform.airflow()
    platform.until(
        lambda: airflow.get(f"/dags/lifecycle/dagRuns/{run}").json()["state"] == "failed", 20, "Airflow to agree"
    )


def test_the_second_answer_is_told_who_was_first(platform: Any, waiting: dict[str, str]) -> None:
    said = platform.jinsu("review", "reject", waiting["by-cli"], token=platform.token("reviewer"), code=5)
    assert "was approved by reviewer already" in said


def test_an_approval_that_is_not_allowed_holds_up_nobody_else(platform: Any) -> None:
    """Approver ≠ submitter, unless the team allows it; the MLflow account `reviewer` is also who submitted this."""
    headers = {"authorization": f"Bearer {platform.token('reviewer')}"}
    body = {
        "code_digest": platform.code,
        "idempotency_key": "own-work",
        "overrides": {"name": "own-work", "team": "strict"},
    }
    own = platform.api.post("/submissions", json=body, headers=headers).json()["id"]
    other = platform.submit("not-mine", review="required")
    for run in (own, other):
        platform.until(lambda run=run: asked(platform, run), 60, f"the review of {run}")
    mlflow = platform.mlflow("mlflow_reviewer")
    for name in ("own-work", "not-mine"):
        body = {"name": name, "alias": "challenger", "version": "1"}
        assert mlflow.post("/api/2.0/mlflow/registered-models/alias", json=body).is_success
    assert approved(platform, other)["via"] == "mlflow"
    assert asked(platform, own)
    platform.jinsu("cancel", own)
