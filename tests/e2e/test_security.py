"""Nothing listens to the network, no door stands open, and no secret lies about."""

import contextlib
import re
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(platform: Any) -> str:
    """A finished run, so that everything has been used once."""
    run = platform.submit("secrets")
    assert platform.ended(run)["state"] == "succeeded"
    return run


def secrets_of(platform: Any) -> dict[str, str]:
    """Every secret of the installation, by what it is."""
    settings = platform.settings
    found = {f"token {path.name}": path.read_text().strip() for path in (platform.home / "tokens").iterdir()}
    for name, value in settings.items():
        if isinstance(value, dict) and value.get("password"):
            found[f"password of {name}"] = value["password"]
        elif name.endswith(("secret", "password", "key")) and value:
            found[name] = value
        elif name.endswith("database_url") and value:
            found[f"password in {name}"] = value.partition("://jinsu:")[2].partition("@")[0]
    assert len(found) >= 9
    assert all(len(value) >= 16 for value in found.values())
    return found


def processes(platform: Any) -> list[psutil.Process]:
    found = platform.processes_of(platform.home, platform.session())
    assert len(found) > 15
    return list(found)


def test_everything_listens_on_this_machine_only(platform: Any, run: str) -> None:
    listening = {}
    for process in processes(platform):
        with contextlib.suppress(psutil.Error):  # a task's process may have ended by now
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    listening[connection.laddr.port] = connection.laddr.ip
    assert set(listening) == set(range(platform.port, platform.port + 6))
    assert {address.removeprefix("::ffff:") for address in listening.values()} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("door", "path"),
    [
        ("airflow_url", "/api/v2/dags"),
        ("airflow_url", "/api/v2/connections"),
        ("airflow_url", "/api/v2/dags/lifecycle/dagRuns"),
        ("mlflow_url", "/"),
        ("mlflow_url", "/api/2.0/mlflow/experiments/search?max_results=1"),
        ("mlflow_url", "/api/2.0/mlflow/registered-models/search"),
        ("mlflow_url", "/graphql"),
        ("api_url", "/v1/runs"),
        ("api_url", "/v1/datasets"),
    ],
)
def test_nobody_comes_in_without_a_name(platform: Any, door: str, path: str) -> None:
    for credentials in (None, ("admin", "admin"), ("admin", "password"), ("admin", "password1234")):
        answer = httpx.get(platform.settings[door] + path, auth=credentials, follow_redirects=False)
        assert answer.status_code in (401, 403), answer.text[:200]


def test_airflow_takes_no_default_password(platform: Any) -> None:
    for name in ("admin", "airflow"):
        answer = httpx.post(platform.settings["airflow_url"] + "/auth/token", json={"username": name, "password": name})
        assert answer.status_code == 401


def test_a_reviewer_cannot_register_a_version(platform: Any, run: str) -> None:
    """A version without evidence must not be able to appear."""
    reviewer = platform.mlflow("rita")
    body = {"name": "secrets", "source": "/tmp/evil"}
    assert reviewer.post("/api/2.0/mlflow/model-versions/create", json=body).status_code == 403
    assert reviewer.post("/api/2.0/mlflow/registered-models/create", json={"name": "evil"}).status_code == 403
    body = {"name": "secrets", "version": "1", "key": "jinsu.package", "value": "0" * 64}
    assert reviewer.post("/api/2.0/mlflow/model-versions/set-tag", json=body).status_code == 403
    assert len(platform.versions("secrets")) == 1


def test_no_secret_is_in_an_argument_or_a_log(platform: Any, run: str) -> None:
    texts = {f"process {process.pid}": " ".join(process.cmdline()) for process in processes(platform)}
    for place in ("logs", "airflow/logs", "objects/steps"):
        for path in (platform.home / place).rglob("*"):
            if path.suffix in (".log", ".txt", ".err"):
                texts[str(path)] = path.read_text(errors="replace")
    assert any("supervisord.log" in name for name in texts)
    leaks = [(what, name) for what, secret in secrets_of(platform).items() for name in texts if secret in texts[name]]
    assert leaks == []


def test_files_with_secrets_are_for_their_owner(platform: Any) -> None:
    secrets = set(secrets_of(platform).values())
    holding = [
        path
        for place in (platform.home, platform.home / "airflow", platform.home / "mlflow", platform.home / "tokens")
        for path in place.iterdir()
        if path.is_file() and any(secret in path.read_text(errors="replace") for secret in secrets)
    ]
    holding += list((platform.home / "run").rglob("*.json"))
    assert platform.home / "settings.json" in holding
    open_to_others = [path for path in holding if path.stat().st_mode & 0o077 and not _shielded(path, platform.home)]
    assert open_to_others == []


def _shielded(path: Path, home: Path) -> bool:
    """Whether a folder on the way lets nobody else through."""
    return any(not part.stat().st_mode & 0o011 for part in path.parents if part.is_relative_to(home) and part != home)


def test_the_training_knows_no_secret(platform: Any, run: str) -> None:
    log = platform.jinsu("logs", run)
    environment = re.search(r"^environment: (.*)$", log, re.MULTILINE)[1]  # type: ignore[index]
    assert "JINSU_STEP_DIR" in environment
    assert not [what for what, secret in secrets_of(platform).items() if secret in environment]
    assert not re.search(r"PASSWORD|TOKEN|SECRET|JINSU_HOME|AIRFLOW|MLFLOW", environment)


def test_tokens_are_hashed_at_rest(platform: Any) -> None:
    """The token that the command line prints is in no file of the platform's."""
    token = platform.jinsu("token", "create", "for-a-program", token=platform.token("minji")).split()[-1]
    assert platform.jinsu("runs", token=token)
    for path in platform.home.rglob("*.json"):
        assert token not in path.read_text(errors="replace"), path
