"""Bad input and bad luck get a sentence and an exit code, and nothing is lost, doubled or left running."""

import io
import os
import re
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The researcher's folder, to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_the_same_key_twice_is_one_run(platform: Any, folder: Path, copy: Path) -> None:
    submissions = [platform.jinsu_json("submit", folder, "--key", "twice") for _ in range(2)]
    assert [submission["new"] for submission in submissions] == [True, False]
    assert submissions[0]["id"] == submissions[1]["id"]
    (copy / "notes.txt").write_text("other code")
    said = platform.jinsu("submit", copy, "--key", "twice", code=5)
    assert f"was used for run {submissions[0]['id']} with other code; use a new key." in said
    platform.jinsu("cancel", submissions[0]["id"])
    assert platform.run(submissions[0]["id"])["state"] == "cancelled"


def test_an_unknown_dataset(platform: Any, copy: Path) -> None:
    spec = copy / "model.yaml"
    spec.write_text(
        spec.read_text().replace("dataset: points", "dataset: pionts").replace("name: points", "name: newly")
    )
    said = platform.jinsu("submit", copy, code=3)
    assert said.count("\n") == 1
    assert "pionts" in said
    assert "points" in said, "it names those that exist"


def test_an_unknown_field(platform: Any, copy: Path) -> None:
    spec = copy / "model.yaml"
    spec.write_text(spec.read_text().replace("features: 2", "features: 2}\n  parms: {lr: 1"))
    assert "train.parms: unknown field; did you mean 'params'?" in platform.jinsu("submit", copy, code=2)


def test_a_link_that_leads_out_of_the_folder(platform: Any, copy: Path) -> None:
    (copy / "passwd").symlink_to("/etc/passwd")
    assert "outside the folder; copy the file in." in platform.jinsu("submit", copy, code=2)


@pytest.mark.parametrize("name", ["../out", "/out", "link"])
def test_an_archive_that_leads_out_is_refused_by_the_api(platform: Any, name: str) -> None:
    """Whoever writes their own client meets the same checks."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        bundle.addfile(member)
    answer = platform.api.post("/code", content=buffer.getvalue())
    assert answer.status_code == 422
    assert f"code snapshot: {name!r} " in answer.json()["error"]


def test_a_second_up_changes_nothing(platform: Any) -> None:
    def pids() -> dict[str, int]:
        return {row["name"]: row["pid"] for row in platform.jinsu_json("status")}

    before, settings = pids(), (platform.home / "settings.json").read_bytes()
    platform.jinsu("up")
    platform.jinsu("up", "--port", platform.port)
    assert pids() == before
    assert (platform.home / "settings.json").read_bytes() == settings


def test_another_port_needs_a_stop_first(platform: Any) -> None:
    said = platform.jinsu("up", "--port", platform.port + 20, code=5)
    assert f"runs on port {platform.port}; stop it first: jinsu down" in said


def test_a_port_that_is_taken(platform: Any, other_home: Path) -> None:
    base = platform.port + 30
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 3))
        taken.listen()
        said = platform.jinsu("up", "--port", base, code=5, home=other_home)
    assert f"port {base + 3} for MLflow is taken by process {os.getpid()} (" in said
    assert said.count("\n") == 1
    assert not platform.processes_of(other_home)


@pytest.mark.parametrize("token", ["", "jinsu_wrong"])
def test_no_token_no_answer(platform: Any, token: str) -> None:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    for method, path in (("GET", "/v1/runs"), ("POST", "/v1/submissions"), ("POST", "/v1/users"), ("GET", "/metrics")):
        answer = httpx.request(method, platform.settings["api_url"] + path, headers=headers)
        assert answer.status_code == 401
        assert "no valid token" in answer.json()["error"]


def test_a_wrong_token_at_the_command_line(platform: Any) -> None:
    assert "no valid token" in platform.jinsu("runs", token="jinsu_wrong", code=4)


@pytest.fixture(params=["512k", "24m", "60m"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Too small for the first file, for PostgreSQL, or for the databases."""
    disk = Path("/tmp") / f"jinsu-small-{uuid4().hex[:8]}"  # PostgreSQL's user must be able to pass through
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={request.param},mode=755", "tmpfs", str(disk)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        disk.rmdir()
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
    disk.rmdir()


def test_a_full_disk(platform: Any, small_disk: Path) -> None:
    home = small_disk / "home"
    process = platform.start_jinsu("up", "--port", platform.port + 40, home=home)
    said, complaint = process.communicate(timeout=120)
    left = platform.processes_of(home)
    platform.jinsu("down", "--erase", home=home)
    assert process.returncode in (2, 75), said + complaint
    assert "Traceback" not in complaint
    assert re.search(r"^jinsu: .*space", complaint, re.MULTILINE | re.DOTALL)
    assert not left
    assert not platform.processes_of(home)


def test_twenty_submissions_at_once(platform: Any) -> None:
    """Each is sent twice, by clients that gave up waiting too early."""

    def submit(number: int) -> str:
        return str(platform.submit("crowd", key=f"crowd-{number}"))

    with ThreadPoolExecutor(20) as pool:
        submitted = list(pool.map(submit, [*range(20), *range(20)]))
        assert len(set(submitted)) == 20
        known = [run["id"] for run in platform.jinsu_json("runs", "--limit", 1000) if run["model"] == "crowd"]
        assert sorted(known) == sorted(set(submitted))
        assert all(pool.map(lambda run: platform.api.post(f"/runs/{run}/cancel", json={}).is_success, set(submitted)))
    assert {platform.run(run)["state"] for run in set(submitted)} == {"cancelled"}
    airflow = platform.airflow()

    def at_rest() -> bool:
        states = [airflow.get(f"/dags/lifecycle/dagRuns/{run}").json().get("state", "") for run in set(submitted)]
        return not {"running", "queued"} & set(states)

    platform.until(at_rest, 40, "Airflow to let go of the cancelled runs")
    assert not platform.versions("crowd")
