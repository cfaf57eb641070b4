"""Airflow in memory: the part of its REST API that `jinsu.clients.airflow` asks of one DAG.

It answers as a real server does, errors included: `tests/contract/test_fake_airflow.py` puts the same questions to both.
"""

import copy
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx
import jwt
from tests.support.crash_points import CrashPoints
from tests.support.fake_http import FakeServer, Refusal

from jinsu.clients.airflow import DAG, Airflow

URL = "http://airflow.test"
SECRET = "only-for-tests-and-long-enough-for-a-signature-of-64-bytes-or-more"
OPTIONS = ("Approve", "Reject")
_RUNS = f"/api/v2/dags/{DAG}/dagRuns"


@dataclass
class Question:
    """What a task asks a person. chosen: the answer; empty while nobody has answered."""

    chosen: list[str] = field(default_factory=list)
    reason: str = ""
    answered_by: str = ""


@dataclass
class DagRun:
    """questions: what its tasks ask now, by task."""

    conf: dict[str, Any]
    state: str = "queued"
    questions: dict[str, Question] = field(default_factory=dict)


@lru_cache
def _client() -> Airflow:
    """Making one reads the certificates of this machine, which costs more than most tests."""
    return Airflow(URL, SECRET)


class FakeAirflow(FakeServer):
    """One Airflow server. Its DAG runs are a plain attribute, for tests to look at and to change by hand."""

    records = ("runs",)

    def __init__(self, crash: CrashPoints | None = None) -> None:
        super().__init__(crash)
        self.runs: dict[str, DagRun] = {}

    def connect(self) -> Airflow:
        """Jinsu's own client, connected to this server."""
        airflow = copy.copy(_client())
        airflow._http = self.client(URL)
        return airflow

    def ask(self, run: str, task: str) -> None:
        """A task of the run waits for a person."""
        self.runs[run].questions[task] = Question()

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, request: httpx.Request) -> Any:
        user = _user(request)
        if path == _RUNS:
            return self._trigger(body) if method == "POST" else self._list(query)
        run, _, rest = path.removeprefix(f"{_RUNS}/").partition("/")
        if run not in self.runs:
            raise _refusal(404, f"The DagRun with dag_id: `{DAG}` and run_id: `{run}` was not found")
        if rest:
            return self._question(method, run, rest.split("/")[1], body, user)
        if method == "PATCH":
            self.runs[run].state = body["state"]
        return self._document(run)

    def _trigger(self, body: dict[str, Any]) -> Any:
        run = body["dag_run_id"]
        if not re.match(r"^[A-Za-z0-9_.~:+-]+$", run):
            raise _refusal(400, f"The run_id provided '{run}' does not match regex pattern …")
        if run in self.runs:
            raise _refusal(409, "Unique constraint violation")
        self.runs[run] = DagRun(body["conf"])
        return self._document(run)

    def _document(self, run: str) -> dict[str, Any]:
        return {"dag_run_id": run, "state": self.runs[run].state, "conf": self.runs[run].conf, "end_date": None}

    def _list(self, query: dict[str, str]) -> Any:
        found = [run for run, dag_run in self.runs.items() if dag_run.state == query["state"]]
        return {"dag_runs": [self._document(run) for run in found[::-1][: int(query["limit"])]]}

    def _question(self, method: str, run: str, task: str, body: dict[str, Any], user: str) -> Any:
        question = self.runs[run].questions.get(task)
        if question is None:
            raise _refusal(404, f"Human-in-the-loop detail does not exist for Task Instance {task}")
        if method == "PATCH":
            if question.chosen:
                raise _refusal(409, "Human-in-the-loop detail has already been updated")
            if not set(body["chosen_options"]) <= set(OPTIONS):
                raise _refusal(400, f"Invalid options {body['chosen_options']}; allowed options are {list(OPTIONS)}.")
            question.chosen, question.answered_by = body["chosen_options"], user
            question.reason = body["params_input"]["reason"]
        responded = {"id": question.answered_by, "name": question.answered_by} if question.chosen else None
        params = {"reason": question.reason}
        return {"chosen_options": question.chosen, "params_input": params, "responded_by_user": responded}


def _refusal(status: int, detail: str) -> Refusal:
    return Refusal(status, {"detail": detail})


def _user(request: httpx.Request) -> str:
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, SECRET, algorithms=["HS512"], audience="apache-airflow", issuer="jinsu")
    return str(claims["sub"])
