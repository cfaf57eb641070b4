"""`jinsu down` in the middle of everything, then `jinsu up`: what served serves, what waited waits, what trained goes on."""

from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_restart_loses_nothing(platform: Any) -> None:
    version = platform.launch("restarted")
    waiting = platform.submit("restarted", review="required")
    training = platform.submit("restarted-training", seconds=15)
    platform.until(lambda: platform.stage(waiting, "review"), 60, "the review")
    platform.until(lambda: platform.trained(training) >= 3, 40, "the training's middle")
    settings, session = (platform.home / "settings.json").read_bytes(), platform.session()

    platform.jinsu("down", patience=120)
    assert not platform.processes_of(platform.home, session)
    assert "jinsu up" in platform.jinsu("status", code=75)
    assert "jinsu up" in platform.jinsu("runs", code=75)

    platform.jinsu("up", patience=200)
    assert (platform.home / "settings.json").read_bytes() == settings
    platform.until(lambda: platform.answering("restarted") == version, 30, "the champion to answer again")
    platform.jinsu("review", "reject", waiting, token=platform.token("rita"))
    assert platform.ended(waiting)["reason"].startswith("review: rita rejected version")
    ended = platform.ended(training, 90)
    assert ended["state"] == "succeeded", ended["why"]
    assert platform.trained(training) == 15
