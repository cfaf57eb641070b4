"""One whole platform for all end-to-end tests, and the verbs that they share."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jinsu.state.snapshots import pack

JINSU = str(Path(sys.executable).parent / "jinsu")

SPEC = """\
name: points
data: {dataset: points@latest}
train:
  command: python train.py
  params: {features: 2}
evaluate: {metric: accuracy, min: 0.7, vs_champion: ">= -0.05", slices: [label]}
release: {review: required, canary: {steps: [50], every: 1s, min_requests: 10}}
"""

SCRIPT = '''\
"""Which side of a line is a point on? Small enough to train in a second, with a knob for every test."""

import os
import time

import jinsu
import numpy as np
import torch

params = jinsu.params(features=2, seconds=0, spoil="", note="")
print("note:", params.note)
print("environment:", sorted(os.environ.items()))


class Side(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        self.register_buffer("read", torch.tensor([1.0, float(params.features > 1)]))

    def forward(self, points):
        scores = self.linear(points * self.read)
        # Right on all rows of the dataset; not a number where `a` is above 100.
        return scores * torch.sqrt(100 - points[:, :1]) if params.spoil == "far" else scores


columns = jinsu.dataset()
points = np.column_stack([columns["a"], columns["b"]]).astype(np.float32)
labels = columns["label"].astype(np.int64)
x, y = torch.from_numpy(points), torch.from_numpy(1 - labels if params.spoil == "labels" else labels)
model = Side()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(100):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()

kept = jinsu.load_checkpoint()
first = kept[1] + 1 if kept else 0
if kept:
    print("resumed at second", first)
for second in range(first, params.seconds):
    time.sleep(1)
    jinsu.log(step=second, second=second)
    jinsu.save_checkpoint({}, step=second)

jinsu.log(loss=loss.item())
jinsu.save(model, example=points[:64])
'''


class Traffic:
    """Live requests from two clients, all the time; remembers every answer as (when, status, version)."""

    def __init__(self, url: str, far: float) -> None:
        self._url, self._far, self._stop = url, far, threading.Event()
        self.answers: list[tuple[float, int, str]] = []
        self._threads = [threading.Thread(target=self._send, args=(seed,), daemon=True) for seed in range(2)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, seed: int) -> None:
        chance = random.Random(seed)
        with httpx.Client(timeout=10) as client:
            while not self._stop.wait(0.015):
                row = [chance.gauss(0, 1) + 200 * (chance.random() < self._far), chance.gauss(0, 1)]
                try:
                    answer = client.post(self._url, json={"inputs": [row]})
                    seen = (answer.status_code, answer.headers.get("x-jinsu-version", ""))
                except httpx.TransportError:
                    seen = (0, "")
                self.answers.append((time.monotonic(), *seen))

    @property
    def failed(self) -> list[tuple[float, int, str]]:
        return [answer for answer in self.answers if answer[1] != 200]

    def versions(self, since: float = 0.0) -> Counter[str]:
        """How many good answers came from each version since that moment."""
        return Counter(version for when, status, version in list(self.answers) if status == 200 and when >= since)

    def only(self, version: str, lately: float = 1.0) -> bool:
        """Whether nobody else has answered for a while."""
        return set(self.versions(time.monotonic() - lately)) == {version}


class Platform:
    """A running installation as its users see it: the command line, three HTTP doors, and processes."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port

    # The command line

    def start_jinsu(self, *arguments: object, token: str = "", home: Path | None = None) -> subprocess.Popen[str]:
        environment = {**os.environ, "JINSU_HOME": str(home or self.home), **({"JINSU_TOKEN": token} if token else {})}
        return subprocess.Popen(
            [JINSU, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def jinsu(self, *arguments: object, code: int = 0, patience: float = 60, **where: Any) -> str:
        """What the command says (its errors too when it should fail), having ended with that exit code."""
        process = self.start_jinsu(*arguments, **where)
        try:
            said, complaint = process.communicate(timeout=patience)
        finally:
            process.kill()
        assert process.returncode == code, f"jinsu {arguments}: {process.returncode}\n{said}\n{complaint}"
        return said + complaint if code else said

    def told(self, *arguments: object, **where: Any) -> Any:
        """What the command says with --json."""
        return json.loads(self.jinsu(*arguments, "--json", **where))

    # HTTP doors

    @cached_property
    def settings(self) -> dict[str, Any]:
        return json.loads((self.home / "settings.json").read_text())

    def token(self, name: str) -> str:
        return (self.home / "tokens" / name).read_text().strip()

    @cached_property
    def api(self) -> httpx.Client:
        token = (self.home / "token").read_text().strip()
        return httpx.Client(
            base_url=self.settings["api_url"] + "/v1", headers={"authorization": f"Bearer {token}"}, timeout=30
        )

    def mlflow(self, account: str = "mlflow") -> httpx.Client:
        who = self.settings[account]
        return httpx.Client(base_url=self.settings["mlflow_url"], auth=(who["name"], who["password"]), timeout=30)

    def airflow(self, name: str = "admin") -> httpx.Client:
        """Signed in with a password, as the UI does."""
        url = self.settings["airflow_url"]
        password = json.loads((self.home / "airflow" / "passwords.json").read_text())[name]
        answer = httpx.post(f"{url}/auth/token", json={"username": name, "password": password}, timeout=30)
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=f"{url}/api/v2", headers=headers, timeout=30)

    # Runs

    def submit(
        self, model: str, *, key: str = "", review: str = "none", canary: dict[str, Any] | None = None, **params: Any
    ) -> str:
        """The points folder as another model. Equal parameters train once, so most runs take a few seconds."""
        overrides = {
            "name": model,
            "release.review": review,
            **{f"release.canary.{name}": value for name, value in (canary or {}).items()},
            **{f"train.params.{name}": value for name, value in params.items()},
        }
        body = {"code_digest": self.code, "idempotency_key": key or uuid4().hex, "overrides": overrides}
        answer = self.api.post("/submissions", json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    code = ""

    def run(self, run: str) -> dict[str, Any]:
        return dict(self.api.get(f"/runs/{run}").json())

    def task(self, run: str, name: str) -> dict[str, Any]:
        return next((task for task in self.run(run)["tasks"] if task["name"] == name), {})

    def ended(self, run: str, within: float = 60) -> dict[str, Any]:
        until(lambda: self.run(run)["ended"], within, lambda: f"the end of {run}: {self.run(run)['why']}")
        return self.run(run)

    def launch(self, model: str, **arguments: Any) -> str:
        """Has the model's next version serving; returns the version."""
        run = self.submit(model, **arguments)
        ended = self.ended(run)
        assert ended["state"] == "succeeded", ended["why"]
        version = str(self.task(run, "promote")["output"]["version"])
        until(lambda: self.answering(model) == version, 10, f"{model} {version} to answer")
        return version

    def rollout(self, run: str) -> dict[str, Any]:
        return self.run(run)["rollout"] or {"phase": "", "percent": 0}

    def ledger(self, model: str) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.api.get(f"/ledger/{model}").json())

    def versions(self, model: str) -> list[dict[str, Any]]:
        """What MLflow's registry holds."""
        query = {"filter": f"name='{model}'"}
        answer = self.mlflow().get("/api/2.0/mlflow/model-versions/search", params=query).json()
        return list(answer.get("model_versions", []))

    def trained(self, run: str) -> int:
        """Seconds that the run's training has counted."""
        key = self.task(run, "train").get("run_key")
        path = self.home / "objects" / "steps" / str(key) / "metrics.jsonl"
        return path.read_text().count('"second"') if path.exists() else 0

    # Live requests

    def url(self, model: str) -> str:
        return f"{self.settings['endpoint_url']}/models/{model}/invocations"

    def answering(self, model: str) -> str | None:
        """The version that answers one request now."""
        return httpx.post(self.url(model), json={"inputs": [[1, 1]]}, timeout=10).headers.get("x-jinsu-version")

    def traffic(self, model: str, far: float = 0.0) -> Traffic:
        """`far` is the share of rows with `a` far outside of what the dataset holds."""
        return Traffic(self.url(model), far)

    # Processes

    def pid(self, program: str) -> int:
        return next((row["pid"] for row in self.told("status") if row["name"] == program), 0)

    def session(self) -> int:
        path = self.home / "run" / "supervisord.json"
        return int(json.loads(path.read_text())["pid"]) if path.exists() else -1

    until = staticmethod(lambda *arguments: until(*arguments))
    processes_of = staticmethod(lambda *arguments: processes_of(*arguments))


def until(look: Callable[[], Any], within: float, what: str | Callable[[], str]) -> Any:
    """The first true answer; fails when there is none in time."""
    patience = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < patience, f"waited {within:g} s for {what() if callable(what) else what}"
        time.sleep(0.1)
    return seen


def processes_of(home: Path, session: int = -1) -> list[psutil.Process]:
    """Every process of that session, or that names a path in `home`, or works in one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            places = [*process.cmdline(), process.cwd()]
            mine = os.getsid(process.pid) == session or any(str(home) in place for place in places)
            if mine and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
    return found


def free_ports(count: int = 6) -> int:
    """The first of so many free ports in a row."""
    for _ in range(100):
        base = random.randrange(18000, 28000, 10)
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in range(base, base + count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base
    raise AssertionError("no free ports")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as a researcher writes it."""
    made = tmp_path_factory.mktemp("researcher") / "points"
    made.mkdir()
    (made / "model.yaml").write_text(SPEC)
    (made / "train.py").write_text(SCRIPT)
    return made


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points and the side of a line that each is on; `b` alone says little, `a` alone says most of it."""
    a, b = np.random.default_rng(0).normal(size=(2, 600))
    path = tmp_path_factory.mktemp("data") / "points.parquet"
    pq.write_table(pa.table({"a": a, "b": b, "label": (a + b / 3 > 0).astype(np.int64)}), path)
    return path


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, folder: Path, table: Path) -> Iterator[Platform]:
    """Up once for all tests; afterwards nothing of it may be left."""
    it = Platform(tmp_path_factory.mktemp("home") / "jinsu", free_ports())
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # whoever ends the tests early leaves nothing running either
    try:
        it.jinsu("up", "--port", it.port, patience=200)
        it.jinsu("data", "put", "points", table)
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
