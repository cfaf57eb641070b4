"""A backup is restored into an empty installation, which serves, proves its history, and knows its people."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import Platform, processes_of
from tests.support.ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def copy(platform: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A second home, with nothing in it; whatever is started there ends with the test."""
    other = Platform(tmp_path_factory.mktemp("restored") / "jinsu", free_ports())
    other.tokens, other.code = platform.tokens, platform.code
    yield other
    session = other.session()
    other.jinsu("down", "--erase", patience=120)
    assert not processes_of(other.home, session)


def signs_in(platform: Platform, name: str) -> bool:
    body = {"name": name, "password": f"password of {name}", "label": "after the restore"}
    return httpx.post(f"{platform.settings['api_url']}/v1/login", json=body, timeout=30).is_success


def test_a_backup_becomes_an_installation_elsewhere(platform: Any, copy: Platform, tmp_path: Path) -> None:
    version = platform.launch("backed-up", key="the same submission", note="of the backup")
    waiting = platform.submit("backed-up", review="required", note="of the backup")
    platform.until(lambda: platform.stage(waiting, "review"), 60, "the review")
    head = platform.jinsu_json("ledger", "verify")
    target = tmp_path / "backup"

    said = platform.jinsu("backup", target, patience=120)
    assert "Restore with: jinsu restore" in said
    assert not [path for path in target.rglob("*") if path.is_file() and path.stat().st_mode & 0o077], (
        "others may read it"
    )
    first = {path: path.stat().st_mtime_ns for path in target.glob("data/*/*")}
    platform.jinsu("backup", target, patience=120)
    again = {path: path.stat().st_mtime_ns for path in target.glob("data/*/*")}
    same = [path for path in again if first.get(path) == again[path]]
    assert len(same) > 0.8 * len(first), "what is there already is not copied again"

    assert "there is an installation already" in platform.jinsu("restore", target, code=5)
    copy.jinsu("restore", target, "--port", copy.port, patience=200)
    copy.jinsu("up", patience=300)

    copy.until(lambda: copy.answering("backed-up") == version, 60, "the champion to answer")
    assert copy.jinsu_json("ledger", "verify")["faults"] == []
    assert "chain" in copy.jinsu("ledger", "verify", "--head", head["head"])
    assert signs_in(copy, "rita")
    assert copy.api_as("rita").get("/me").json()["name"] == "rita", "a token of before opens the doors"
    assert [item["version"] for item in copy.versions("backed-up")] == [
        item["version"] for item in platform.versions("backed-up")
    ]

    run = copy.submit("backed-up", note="of the backup")
    with copy.traffic("backed-up"):
        ended = copy.ended(run, 120)
    assert ended["state"] == "succeeded", ended["why"]
    trained = copy.stage(run, "train")
    assert trained["output"] == platform.stage(waiting, "train")["output"], "the training was found, not repeated"
    copy.jinsu("review", "reject", waiting, token=copy.token("rita"))
    assert copy.ended(waiting, 120)["reason"].startswith("review: rita rejected version")


def test_a_damaged_backup_is_refused_and_nothing_is_left(platform: Any, tmp_path: Path) -> None:
    target, home = tmp_path / "backup", tmp_path / "home"
    platform.jinsu("backup", target, patience=120)
    platform.jinsu("restore", "--verify-only", target, home=home)
    index = json.loads((target / "backup.json").read_text())
    name = next(name for name in index["files"] if name.endswith("result.json"))
    digest = index["files"][name]["sha256"]
    place = target / "data" / digest[:2] / digest
    content = place.read_bytes()
    place.write_bytes(b" " + content[1:])
    said = platform.jinsu("restore", target, code=2, home=home, patience=120)
    assert f"the backup is damaged: {name} is not what was kept" in said
    assert not (home / "settings.json").exists()
    place.unlink()
    assert "is missing; take another backup" in platform.jinsu("restore", target, code=2, home=home, patience=120)
    shutil.rmtree(target)
    target.mkdir()
    assert "there is no backup: backup.json is missing" in platform.jinsu("restore", target, code=3, home=home)
