"""A model small enough to train in a second, live traffic for it, and a platform as its API's users see it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

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
torch.manual_seed(0)
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
    print("second", second)

jinsu.log(loss=loss.item())
jinsu.save(model, example=points[:64])
'''


class Traffic:
    """Live requests from two clients, all the time; remembers every answer as (when, status, version)."""

    def __init__(self, url: str, far: float, headers: dict[str, str]) -> None:
        self._url, self._far, self._headers, self._stop = url, far, headers, threading.Event()
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
        with httpx.Client(timeout=10, headers=self._headers) as client:
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


class Remote:
    """An installation through its API and its endpoint; subclasses say where they are and what opens them."""

    code = ""
    api: httpx.Client
    endpoint_url: str
    endpoint_headers: dict[str, str] = {}  # noqa: RUF012

    def submit(
        self, model: str, *, key: str = "", review: str = "none", canary: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None, **params: Any,
    ) -> str:  # fmt: skip
        """The points folder as another model. Equal parameters train once, so most runs take a few seconds."""
        overrides = {
            "name": model,
            "release.review": review,
            **{f"release.canary.{name}": value for name, value in (canary or {}).items()},
            **{f"train.{name}": value for name, value in (train or {}).items()},
            **{f"train.params.{name}": value for name, value in params.items()},
        }
        body = {"code_digest": self.code, "idempotency_key": key or uuid4().hex, "overrides": overrides}
        answer = self.api.post("/submissions", json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

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

    def url(self, model: str) -> str:
        return f"{self.endpoint_url}/models/{model}/invocations"

    def answering(self, model: str) -> str | None:
        """The version that answers one request now."""
        answer = httpx.post(self.url(model), json={"inputs": [[1, 1]]}, headers=self.endpoint_headers, timeout=10)
        return answer.headers.get("x-jinsu-version")

    def traffic(self, model: str, far: float = 0.0) -> Traffic:
        """`far` is the share of rows with `a` far outside of what the dataset holds."""
        return Traffic(self.url(model), far, self.endpoint_headers)


def until(look: Callable[[], Any], within: float, what: str | Callable[[], str]) -> Any:
    """The first true answer; fails when there is none in time."""
    patience = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < patience, f"waited {within:g} s for {what() if callable(what) else what}"
        time.sleep(0.1)
    return seen


def write_folder(place: Path) -> Path:
    """A model as a researcher writes it."""
    made = place / "points"
    made.mkdir()
    (made / "model.yaml").write_text(SPEC)
    (made / "train.py").write_text(SCRIPT)
    return made


def write_table(place: Path) -> Path:
    """Points and the side of a line that each is on; `b` alone says little, `a` alone says most of it."""
    a, b = np.random.default_rng(0).normal(size=(2, 600))
    path = place / "points.parquet"
    pq.write_table(pa.table({"a": a, "b": b, "label": (a + b / 3 > 0).astype(np.int64)}), path)
    return path
