"""Runs that wait hold nothing, trainings begin in the order of their submission, and a run that was ended in Airflow ends."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WAITING = 17  # one more than stopped everybody once


@pytest.fixture
def one_slot(platform: Any) -> Iterator[None]:
    """One training at a time."""
    pool = {"name": "training", "slots": 1, "include_deferred": True}
    assert platform.airflow().patch("/pools/training", json=pool).is_success
    yield
    assert platform.airflow().patch("/pools/training", json={**pool, "slots": 6}).is_success


def reviewed(platform: Any) -> set[str]:
    return {review["run"] for review in platform.jinsu_json("review", "list")}


def test_runs_that_wait_for_a_reviewer_let_another_one_through(platform: Any) -> None:
    waiting = {platform.submit(f"wait-{number}", review="required") for number in range(WAITING)}
    platform.until(lambda: waiting <= reviewed(platform), 300, lambda: f"reviews of {waiting - reviewed(platform)}")

    begun = time.monotonic()
    platform.launch("let-through")
    assert time.monotonic() - begun < 60
    for run in waiting:
        assert platform.api.post(f"/runs/{run}/cancel", json={}).is_success


def test_trainings_begin_in_the_order_of_their_submission(platform: Any, one_slot: None) -> None:
    before = platform.submit("in-order", review="required", seconds=25, note="holds the slot")
    platform.until(lambda: platform.stage(before, "train").get("run_key"), 90, lambda: platform.run(before)["why"])
    runs = [platform.submit("in-order", review="required", seconds=2, note=f"order {number}") for number in range(4)]
    said = set()

    def all_trained() -> bool:
        said.add(platform.run(runs[-1])["why"])
        return all(platform.stage(run, "train").get("ended") for run in runs)

    platform.until(all_trained, 200, lambda: f"the trainings: {[platform.run(run)['why'] for run in runs]}")
    starts = [platform.stage(run, "train")["started"] for run in runs]
    assert starts == sorted(starts)
    for run in (before, *runs):
        assert platform.api.post(f"/runs/{run}/cancel", json={}).is_success


@pytest.mark.parametrize(
    ("state", "said"), [("success", "as successful in Airflow, before"), ("failed", "as failed in Airflow")]
)
def test_a_run_that_its_owner_marked_in_airflow_ends_in_their_name(platform: Any, state: str, said: str) -> None:
    run = platform.submit("marked", review="required", note=state)
    platform.until(lambda: run in reviewed(platform), 90, lambda: platform.run(run)["why"])
    answer = platform.airflow().patch(f"/dags/lifecycle/dagRuns/{run}", json={"state": state})
    assert answer.is_success, answer.text

    ended = platform.ended(run, 30)
    assert ended["state"] == "cancelled"
    assert f"marked the run {said}" in ended["reason"]
    assert run not in reviewed(platform)
