"""A challenger meets traffic and goes back: by itself, by a person's word, or because nobody ever asked it anything."""

import getpass
import time
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MODEL = "steady"


@pytest.fixture(scope="module")
def champion(platform: Any) -> str:
    return str(platform.launch(MODEL))


def test_answers_that_are_not_numbers_bring_the_champion_back(platform: Any, champion: str) -> None:
    """It is right on every row of the dataset; only live traffic shows what is wrong with it."""
    with platform.traffic(MODEL, far=0.1) as traffic:
        run = platform.submit(MODEL, spoil="far", canary={"min_requests": 100_000})
        ended = platform.ended(run)
        over = time.monotonic() + 1
        platform.until(lambda: time.monotonic() > over and traffic.only(champion), 10, "the champion to answer alone")
    assert ended["state"] == "failed"
    assert "canary: version" in ended["reason"]
    assert "finite outputs" in ended["reason"]
    assert {(status, version == champion) for _, status, version in traffic.failed} == {(500, False)}
    assert max(when for when, _, _ in traffic.failed) < over
    assert platform.ledger(MODEL)[0]["event"] == "reverted"
    assert platform.answering(MODEL) == champion


def test_without_traffic_nothing_is_promoted_and_a_person_may_abort(platform: Any, champion: str) -> None:
    run = platform.submit(MODEL)
    platform.until(lambda: platform.rollout(run)["phase"] == "stepping", 30, "the rollout to begin")
    time.sleep(4)  # four times `every`
    assert platform.rollout(run)["phase"] == "stepping"
    assert "0 of 10 answers seen" in platform.jinsu("why", run)
    platform.jinsu("rollout", "abort", MODEL, "--reason", "nobody asks")
    ended = platform.ended(run, 15)
    assert ended["state"] == "failed"
    assert ended["reason"].endswith(f"was reverted: nobody asks (by {getpass.getuser()})")
    assert platform.ledger(MODEL)[0]["event"] == "reverted"
    assert platform.answering(MODEL) == champion


def test_a_newer_challenger_takes_the_place(platform: Any, champion: str) -> None:
    older = platform.submit(MODEL)
    platform.until(lambda: platform.rollout(older)["phase"] == "stepping", 30, "the first rollout to begin")
    newer = platform.submit(MODEL)
    ended = platform.ended(older)
    assert ended["state"] == "failed"
    assert ended["rollout"]["phase"] == "superseded"
    assert f"version {platform.rollout(newer)['challenger']} took its place" in ended["reason"]
    with platform.traffic(MODEL) as traffic:
        assert platform.ended(newer)["state"] == "succeeded"
    assert not traffic.failed
    platform.jinsu("rollout", "back", MODEL, champion)
    platform.until(lambda: platform.answering(MODEL) == champion, 10, "the champion to be back")


def test_an_earlier_version_is_back_within_seconds(platform: Any, champion: str) -> None:
    """Also when its server has been stopped long ago, and without a failed request."""
    with platform.traffic(MODEL) as traffic:
        version = platform.launch(MODEL)
        gone = f"model-{MODEL}-v{champion}"
        platform.until(lambda: not platform.pid(gone), 20, "the old champion's server to stop")
        asked = time.monotonic()
        platform.jinsu("rollout", "back", MODEL, champion)
        platform.until(lambda: traffic.versions(asked)[champion], 5, "the old champion to answer")
        platform.until(lambda: traffic.only(champion, 0.5), 5, "the old champion to answer alone")
    assert not traffic.failed
    entry = platform.ledger(MODEL)[0]
    assert (entry["event"], entry["version"], entry["previous"]) == ("rolled back", champion, version)
