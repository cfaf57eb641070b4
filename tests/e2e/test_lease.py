"""The controller holds a rollout's weights as a lease. It may freeze or die; live traffic must not notice."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MODEL = "leased"
LEASE = 12.0


@pytest.fixture(scope="module")
def champion(platform: Any) -> str:
    return str(platform.launch(MODEL))


def test_a_frozen_controller_loses_the_lease(platform: Any, champion: str, stopped: Callable[[int], None]) -> None:
    with platform.traffic(MODEL) as traffic:
        run = platform.submit(MODEL, canary={"every": "18s"})
        platform.until(lambda: len(traffic.versions(time.monotonic() - 1)) == 2, 30, "both versions to answer")
        controller = platform.pid("controller")
        stopped(controller)
        frozen = time.monotonic()
        platform.until(lambda: traffic.only(champion), LEASE + 1, "the champion to answer alone")
        assert time.monotonic() - frozen > 5, "a short pause costs nothing"
        os.kill(controller, signal.SIGCONT)
        platform.until(lambda: len(traffic.versions(time.monotonic() - 1)) == 2, 10, "the rollout to go on")
        ended = platform.ended(run)
        platform.until(lambda: traffic.only(ended["rollout"]["challenger"]), 10, "the challenger to answer alone")
    assert ended["state"] == "succeeded", ended["why"]
    assert not traffic.failed


def test_a_killed_controller_goes_on_where_it_was(platform: Any, champion: str) -> None:
    with platform.traffic(MODEL) as traffic:
        run = platform.submit(MODEL, canary={"every": "8s"})
        platform.until(lambda: len(traffic.versions(time.monotonic() - 1)) == 2, 30, "both versions to answer")
        before = platform.pid("controller")
        os.kill(before, signal.SIGKILL)
        assert platform.ended(run)["state"] == "succeeded"
        assert platform.pid("controller") != before
    assert not traffic.failed
    promoted = [entry for entry in platform.ledger(MODEL) if entry["run"] == run]
    assert [entry["event"] for entry in promoted] == ["promoted"]
