"""One whole platform for all end-to-end tests, and the verbs that they share."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.support.installation_client import InstallationClient
from tests.support.points_model import write_points_folder, write_points_table
from tests.support.ports import free_ports
from tests.support.waiting import until
from tests.support.wheels import make_wheel, python_index

from jinsu.runs.snapshots import pack
from jinsu.steps.environment import STEP_ROOT_VARIABLE

SEASONS = """def key(product, weekday):
    return f"{product}/{int(weekday) >= 5}"
"""
JINSU = str(Path(sys.executable).parent / "jinsu")


class Platform(InstallationClient):
    """A running installation as its users see it: the command line, three HTTP doors, and processes."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.tokens: dict[str, str] = {}

    def know(self, name: str, **roles: str) -> None:
        """Has a person with a local account and a token, and with a role in each of these teams."""
        password = f"password of {name}"
        self.jinsu("user", "add", name, "--password-stdin", given=password)
        for team, role in roles.items():
            if team not in {item["name"] for item in self.api.get("/teams").json()}:
                self.jinsu("team", "add", team)
            self.jinsu("team", "set-role", team, name, role)
        answer = self.api.post("/login", json={"name": name, "password": password, "label": "for tests"})
        assert answer.is_success, answer.text
        self.tokens[name] = answer.json()["token"]

    # The command line

    def start_jinsu(self, *arguments: object, token: str = "", home: Path | None = None) -> subprocess.Popen[str]:
        environment = {**os.environ, "JINSU_HOME": str(home or self.home), **({"JINSU_TOKEN": token} if token else {})}
        return subprocess.Popen(
            [JINSU, *map(str, arguments)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def jinsu(self, *arguments: object, code: int = 0, patience: float = 60, given: str = "", **where: Any) -> str:
        """What the command says (its errors too when it should fail), having ended with that exit code. given: its input."""
        process = self.start_jinsu(*arguments, **where)
        try:
            said, complaint = process.communicate(given, timeout=patience)
        finally:
            process.kill()
        assert process.returncode == code, f"jinsu {arguments}: {process.returncode}\n{said}\n{complaint}"
        return said + complaint if code else said

    def jinsu_json(self, *arguments: object, **where: Any) -> Any:
        """What the command says with --json."""
        return json.loads(self.jinsu(*arguments, "--json", **where))

    # HTTP doors

    @cached_property
    def settings(self) -> dict[str, Any]:
        return json.loads((self.home / "settings.json").read_text())

    def token(self, name: str = "") -> str:
        """The API token of a person whom `know` has made, else of whoever ran `jinsu up`."""
        return self.tokens[name] if name else (self.home / "token").read_text().strip()

    @cached_property
    def api(self) -> httpx.Client:
        return self.api_as("")

    def api_as(self, name: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.token(name)}"}
        return httpx.Client(base_url=self.settings["api_url"] + "/v1", headers=headers, timeout=30)

    def mlflow(self, name: str = "") -> httpx.Client:
        """MLflow for a person, as MLflow's own client signs in; without a name, for the platform."""
        who = self.settings["mlflow"]
        auth = (name, self.token(name)) if name else (who["name"], who["password"])
        return httpx.Client(base_url=self.settings["mlflow_url"], auth=auth, timeout=30)

    def airflow(self, name: str = "") -> httpx.Client:
        """Airflow's REST API for a person who shows an API token."""
        url = self.settings["airflow_url"]
        answer = httpx.post(f"{url}/auth/token", json={"token": self.token(name)}, timeout=30)
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=f"{url}/api/v2", headers=headers, timeout=30)

    @property
    def endpoint_url(self) -> str:  # type: ignore[override]
        return str(self.settings["endpoint_url"])

    # Runs

    def versions(self, model: str) -> list[dict[str, Any]]:
        """What MLflow's registry holds."""
        query = {"filter": f"name='{model}'"}
        answer = self.mlflow().get("/api/2.0/mlflow/model-versions/search", params=query).json()
        return list(answer.get("model_versions", []))

    def trained(self, run: str) -> int:
        """Seconds that the run's training has counted."""
        key = self.stage(run, "train").get("run_key")
        path = self.home / "objects" / "steps" / str(key) / "metrics.jsonl"
        return path.read_text().count('"second"') if path.exists() else 0

    # Processes

    def pid(self, program: str) -> int:
        return next((row["pid"] for row in self.jinsu_json("status") if row["name"] == program), 0)

    def session(self) -> int:
        path = self.home / "run" / "supervisord.json"
        return int(json.loads(path.read_text())["pid"]) if path.exists() else -1

    until = staticmethod(lambda *arguments: until(*arguments))
    processes_of = staticmethod(lambda *arguments: processes_of(*arguments))


def processes_of(home: Path, session: int = -1) -> list[psutil.Process]:
    """Every process of that session, or that names a path in `home`, or works in one, or is a step's that lies there."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            places = [*process.cmdline(), process.cwd(), _step_folder(process)]
            mine = os.getsid(process.pid) == session or any(str(home) in place for place in places)
            if mine and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
    return found


def _step_folder(process: psutil.Process) -> str:
    """The folder of the step that the process is of; a confined process works in one with another name."""
    with contextlib.suppress(psutil.Error):
        return process.environ().get(STEP_ROOT_VARIABLE, "")
    return ""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_points_folder(tmp_path_factory.mktemp("researcher"))


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_points_table(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the index of packages serves, with one package that a script of these tests needs."""
    found = tmp_path_factory.mktemp("wheels")
    make_wheel(found, "tiny-seasons", "1.0", {"tiny_seasons.py": SEASONS})
    return found


@pytest.fixture(scope="session")
def packages(wheels: Path) -> Iterator[str]:
    """The address of the platform's index of packages. A wheel that a test adds to the folder is served at once."""
    with python_index(wheels) as (port, _):
        yield f"http://127.0.0.1:{port}/simple"


@pytest.fixture(scope="session")
def platform(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, table: Path, packages: str
) -> Iterator[Platform]:
    """Up once for all tests; afterwards nothing of it may be left."""
    it = Platform(tmp_path_factory.mktemp("home") / "jinsu", free_ports())
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # whoever ends the tests early leaves nothing running either
    os.environ["UV_DEFAULT_INDEX"] = packages  # which `jinsu up` writes into the settings
    try:
        it.jinsu("up", "--port", it.port, patience=200)
        it.know("rita", default="reviewer")
        it.know("minji", default="researcher")
        it.know("tom", toys="researcher")
        it.jinsu("data", "put", "points", table, "--team", "default")
        it.code = it.api.post("/code", content=pack(folder, 2**20)[0]).json()["digest"]
        # Trainings of these tests sleep more than they compute, so they may overlap on the smallest machine.
        pool = {"name": "training", "slots": 6, "include_deferred": True}
        assert it.airflow().patch("/pools/training", json=pool).is_success
        yield it
    finally:
        session = it.session()
        it.jinsu("down", "--erase", patience=120)
        left = processes_of(it.home, session)
        described = [f"{process.pid} {' '.join(process.cmdline())[:120]}" for process in left]
        for process in left:
            process.kill()
        assert not left, described
        assert not it.home.exists()
        assert not Path(it.settings["runtime"]).exists()


@pytest.fixture
def stopped() -> Iterator[Callable[[int], None]]:
    """Freezes a process; it goes on at the end of the test at the latest."""
    frozen: list[int] = []

    def stop(pid: int) -> None:
        frozen.append(pid)
        os.kill(pid, signal.SIGSTOP)

    yield stop
    for pid in frozen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
def other_home(tmp_path: Path) -> Iterator[Path]:
    """A second home, for starts that fail."""
    home = tmp_path / "other"
    yield home
    shutil.rmtree(home, ignore_errors=True)
