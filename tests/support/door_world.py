"""What the doors of `tests.support.doors` are tried on: people of every kind, a team with runs, and all that may not change.

The runs are of one model of one team: one serves, one was rejected, and the others wait for a review.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import psycopg
from tests.support.doors import Answer, Surface, Who
from tests.support.points_model import SPEC, write_points_folder
from tests.support.waiting import eventually, until

from jinsu.clients.dag_ids import dag_of
from jinsu.runs.snapshots import pack

TEAM, MODEL, JUDGED, KEPT, ROWS = "doors", "doors", "doors-judged", "doors-kept", "doors-rows"
"""The team, its model, a model whose problem changes, a problem in a document of its own, and a dataset of the team."""
DAG = dag_of(TEAM)
BYSTANDER = "nina"
"""In no team; only administrators may do something to her."""
_NAMES = {
    Who.STRANGER: "theo", Who.RESEARCHER: "remi", Who.SUBMITTER: "sumi", Who.REVIEWER: "vera", Who.OWNER: "olga",
    Who.ADMINISTRATOR: "adam",
}  # fmt: skip
_ROLES = {Who.RESEARCHER: "researcher", Who.SUBMITTER: "researcher", Who.REVIEWER: "reviewer", Who.OWNER: "owner"}
_APPROVING = {
    Surface.CLI: "cli", Surface.AIRFLOW: "airflow", Surface.AIRFLOW_PAGES: "airflow-pages", Surface.ALIAS: "alias",
    Surface.MLFLOW_PAGES: "mlflow-pages",
}  # fmt: skip
"""Where a reviewer and an owner of their own approve, so that each approval is the first of its person."""
MANY = 5
"""So many approvers that a run waits for one more after both people of two surfaces have approved."""
_OPEN = {
    **dict.fromkeys((Surface.AIRFLOW, Surface.AIRFLOW_PAGES), "open in airflow"),
    **dict.fromkeys((Surface.ALIAS, Surface.MLFLOW_PAGES), "open in mlflow"),
}
"""The run that is approved at a surface; elsewhere it is `open`."""

_STATE = {
    "jinsu": {
        "tokens": "id, person, use, expires, revoked",
        "submissions": "id, submitter, state, reason, rules::text",
        "tasks": "submission, name, trial, state",
        "candidates": "submission, model, version",
        **dict.fromkeys(
            ("people", "teams", "memberships", "grants", "policies", "problems", "problem_versions", "models", "datasets",
             "reviews", "opinions", "revocations", "rollouts", "endpoints", "moves", "ledger"),
            "t.*",
        ),
    },
    "mlflow": dict.fromkeys(
        ("experiments", "runs", "metrics", "params", "tags", "registered_models", "model_versions", "model_version_tags",
         "registered_model_aliases"),
        "t.*",
    ),
    "airflow": {
        "dag": "dag_id, is_paused",
        "dag_run": "dag_id, run_id, state, clear_number",
        "task_instance": "dag_id, run_id, task_id, map_index, state",
        "xcom": "dag_id, run_id, task_id, map_index, key, value::text",
        "slot_pool": "pool, slots",
        "connection": "conn_id",
        "variable": "key",
        "backfill": "id",
    },
}  # fmt: skip
"""What a refused attempt may not change: columns of tables, by database. The audit log alone may grow."""


@dataclass(frozen=True)
class Told:
    """What a door answered: an HTTP status, and the text."""

    status: int
    text: str

    @property
    def answer(self) -> Answer | None:
        """None for what is neither a yes nor a no."""
        if self.status < 400:
            return Answer.MAY
        return {401: Answer.REFUSED, 403: Answer.REFUSED, 404: Answer.UNKNOWN, 409: Answer.CONFLICT}.get(self.status)


def told(answer: httpx.Response) -> Told:
    return Told(answer.status_code, answer.text)


class World:
    """The team and its people on a running platform."""

    def __init__(self, platform: Any, parent: Path) -> None:
        self.platform = platform
        self.folder = write_points_folder(parent)
        (self.folder / "model.yaml").write_text(SPEC.replace("name: points", f"name: {MODEL}"))
        self.runs: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self._sessions: dict[tuple[str, str], str] = {}

    # --- People ---

    def name(self, who: Who, surface: Surface = Surface.API) -> str:
        """The person of this kind at this surface."""
        suffix = _APPROVING.get(surface) if who in (Who.REVIEWER, Who.OWNER) else None
        return f"{_NAMES[who]}-{suffix}" if suffix else _NAMES[who]

    def token(self, name: str) -> str:
        return str(self.platform.token(name))

    def api(self, name: str | None) -> httpx.Client:
        """The API for a person; without a name, for nobody."""
        return self.platform.api_as(name) if name else httpx.Client(base_url=self._url("api") + "/v1", timeout=30)

    def mlflow(self, name: str | None) -> httpx.Client:
        return self.platform.mlflow(name) if name else httpx.Client(base_url=self._url("mlflow"), timeout=30)

    def airflow(self, name: str | None) -> httpx.Client:
        if name is None:
            return httpx.Client(base_url=self._url("airflow") + "/api/v2", timeout=30)
        if name not in self._airflows:
            self._airflows[name] = self.platform.airflow(name)
        return self._airflows[name]

    @cached_property
    def _airflows(self) -> dict[str, httpx.Client]:
        return {}

    def _url(self, part: str) -> str:
        return str(self.platform.settings[f"{part}_url"])

    # --- Browsers ---

    def session(self, door: str, name: str) -> str:
        """The cookie that a browser has of a door after its person signed in there: `api`, `airflow` or `mlflow`."""
        if (door, name) not in self._sessions:
            self._sessions[door, name] = self._sign_in(door, name)
        return self._sessions[door, name]

    def _sign_in(self, door: str, name: str) -> str:
        """From the door's page to the sign-in page of the API, and back with a code."""
        with httpx.Client(headers={"accept": "text/html"}, timeout=30) as browser:
            fields = {"name": name, "password": password_of(name)}
            if door != "api":
                begun = browser.get(self._url(door) + {"airflow": "/auth/login", "mlflow": "/"}[door])
                assert begun.status_code == 303, begun.text
                query = parse_qs(urlsplit(begun.headers["location"]).query)
                fields |= {field: values[0] for field, values in query.items()}
            same = {"sec-fetch-site": "same-origin"}
            answer = browser.post(f"{self._url('api')}/login", data=fields, headers=same)
            assert answer.status_code == 303, answer.text
            if door != "api":
                answer = browser.get(answer.headers["location"])
                assert answer.status_code == 303, answer.text
            return browser.cookies[COOKIES[door]]

    def page(self, door: str, cookie: str | None, **headers: str) -> httpx.Client:
        """A browser at the door's own page. cookie: what it shows as the door's; None for a browser that has none."""
        sent = {"sec-fetch-site": "same-origin", **{key.replace("_", "-"): value for key, value in headers.items()}}
        if cookie is not None:
            sent["cookie"] = f"{COOKIES[door]}={cookie}"
        return httpx.Client(base_url=self._url(door), headers=sent, timeout=30)

    # --- Making it ---

    def make(self, table: Path) -> None:
        """People, a dataset, a problem, and the runs, which are where they belong afterwards."""
        self._make_people()
        root, olga = self.platform.api, self.platform.api_as("olga")
        _fine(root.post("/grants", json={"kind": "dataset", "name": "points", "team": TEAM}))
        content = table.read_bytes()
        _fine(olga.post(f"/datasets/{ROWS}", params={"suffix": ".parquet", "team": TEAM}, content=content))
        _fine(olga.post("/problems", json={"document": KEPT_PROBLEM, "team": TEAM}))
        self.code = _fine(olga.post("/code", content=pack(self.folder, 2**20)[0]))["digest"]
        many = {"release.review.approvers": MANY}
        self.runs = {
            "served": self.submit("sumi"),
            "rejected": self.submit("sumi"),
            "open": self.submit("sumi", overrides=many),
            "vera": self.submit("vera"),
            "olga": self.submit("olga"),
            "first": self.submit("sumi"),
            "second": self.submit("sumi"),
            **{name: self.submit("sumi", overrides=many) for name in sorted(set(_OPEN.values()))},
        }
        judged = self.submit("sumi", overrides={"name": JUDGED})
        _fine(self.platform.api_as("sumi").post(f"/runs/{judged}/cancel", json={}))
        for name, run in self.runs.items():
            until(lambda run=run: self.asks(run), 120, lambda run=run: f"the review of {run}: {self.why(run)}")
            self.versions[name] = str(self.platform.stage(run, "register")["output"]["version"])
        vera = self.platform.api_as("vera")
        _fine(vera.post(f"/reviews/{self.runs['served']}", json={"verdict": "approve"}))
        _fine(vera.post(f"/reviews/{self.runs['rejected']}", json={"verdict": "reject", "reason": "worse"}))
        assert self.platform.ended(self.runs["served"])["state"] == "succeeded"
        assert self.platform.ended(self.runs["rejected"])["state"] == "failed"
        self._settle()

    def _make_people(self) -> None:
        root = self.platform.api
        known = {item["name"] for item in root.get("/teams").json()}
        for team in {TEAM, "toys"} - known:
            _fine(root.post("/teams", json={"name": team}))
        people = {"theo": ("toys", "owner"), "adam": None, BYSTANDER: None}
        people |= {_NAMES[who]: (TEAM, role) for who, role in _ROLES.items()}
        for suffix in _APPROVING.values():
            people |= {f"vera-{suffix}": (TEAM, "reviewer"), f"olga-{suffix}": (TEAM, "owner")}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: self._make_person(*item), people.items()))
            signed_in = [(door, name) for door in COOKIES for name in _NAMES.values()]
            for door in ("airflow", "mlflow"):
                signed_in += [(door, f"{name}-{door}-pages") for name in ("vera", "olga")]
            list(pool.map(lambda item: self.session(*item), signed_in))

    def _make_person(self, name: str, member: tuple[str, str] | None) -> None:
        root = self.platform.api
        body = {"name": name, "password": password_of(name), "admin": name == "adam"}
        _fine(root.post("/users", json=body))
        if member is not None:
            _fine(root.put(f"/teams/{member[0]}/members/{name}", json={"role": member[1]}))
        answer = _fine(root.post("/login", json={"name": name, "password": password_of(name)}))
        self.platform.tokens[name] = answer["token"]

    def body(self, **more: Any) -> dict[str, Any]:
        """A submission of the team's code."""
        return {"code_digest": self.code, "idempotency_key": uuid4().hex, "team": TEAM, **more}

    def submit(self, name: str, **more: Any) -> str:
        return str(_fine(self.platform.api_as(name).post("/submissions", json=self.body(**more)))["id"])

    # --- Looking at it ---

    def open(self, surface: Surface) -> str:
        """The name of the run that waits for approvals at this surface."""
        return _OPEN.get(surface, "open")

    def why(self, run: str) -> Any:
        return self.platform.run(run).get("why")

    def asks(self, run: str) -> bool:
        """Whether Airflow shows the question about the run to reviewers."""
        answer = self.airflow("").get(f"/dags/{DAG}/dagRuns/{run}/taskInstances/review/-1/hitlDetails")
        if not answer.is_success or answer.json()["response_received"]:
            return False
        task = self.airflow("").get(f"/dags/{DAG}/dagRuns/{run}/taskInstances/review").json()
        return bool(task["state"] == "awaiting_input")

    def opinions(self, run: str) -> list[tuple[str, str]]:
        """Who said what about a candidate."""
        found = self.platform.api.get(f"/reviews/{run}").json()["opinions"]
        return [(item["person"], item["verdict"]) for item in found]

    def state(self) -> dict[str, str]:
        """A digest of every table that matters, in all three databases, and of what was sent."""
        found = {}
        for database, tables in _STATE.items():
            for table, columns in tables.items():
                rows = f"(SELECT {columns} FROM {table} t) r"
                query = f"SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM {rows}"
                found[f"{database}.{table}"] = str(self._databases[database].execute(query).fetchone())
        objects = self.platform.home / "objects"
        sent = (path for place in ("code", "datasets") for path in sorted((objects / place).rglob("*")))
        found["objects"] = str([str(path) for path in sent])
        return found

    @cached_property
    def _databases(self) -> Mapping[str, psycopg.Connection[Any]]:
        settings = self.platform.settings
        urls = {name: settings["database_url"].rpartition("/jinsu?") for name in _STATE}
        plain = {name: f"{head}/{name}?{tail}".replace("+psycopg", "") for name, (head, _, tail) in urls.items()}
        return {name: psycopg.connect(url, autocommit=True) for name, url in plain.items()}

    def changed(self, before: Mapping[str, str], patience: float = 3.0) -> list[str]:
        """Tables that differ, when they still do a while later: a stage that is asked again comes to rest by itself."""
        found: list[str] = []

        def rests() -> bool:
            now = self.state()
            found[:] = [table for table, digest in before.items() if now[table] != digest]
            return not found

        eventually(rests, patience)
        return found

    def _settle(self) -> None:
        """Waits until nothing goes on any more, of other tests either."""

        def rests() -> bool:
            before = self.state()
            time.sleep(2)
            return not self.changed(before, 0)

        until(rests, 90, "the platform to come to rest")

    def close(self) -> None:
        for connection in self._databases.values():
            connection.close()


COOKIES = {"api": "jinsu_session", "airflow": "_token", "mlflow": "jinsu_mlflow"}
"""The cookie of each door."""
KEPT_PROBLEM = {"name": KEPT, "dataset": ROWS, "metric": "accuracy", "min": 0.7}


def password_of(name: str) -> str:
    return f"password of {name}"


def _fine(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


Attempt = Callable[[World, Who], Told]
"""Tries a door as a kind of person."""
