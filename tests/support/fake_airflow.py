"""Airflow in memory: the part of its REST API that `jinsu.clients.airflow` asks of the teams' DAGs.

It answers as a real server does, errors included: `tests/contract/test_fake_airflow.py` puts the same questions to both.
"""

import copy
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import httpx
import jwt
from tests.support.crash_points import CrashPoints
from tests.support.fake_http import FakeServer, Refusal

from jinsu.clients.airflow import PLATFORM, PLATFORM_CLAIM, Airflow
from jinsu.clients.dag_ids import DEFAULT_TEAM, dag_of

URL = "http://airflow.test"
SECRET = "only-for-tests-and-long-enough-for-a-signature-of-64-bytes-or-more"
OPTIONS = ("Approve", "Reject", "Ask for changes")
_RUNS = re.compile(r"/api/v2/dags/(?P<dag>[^/]+)/dagRuns(/(?P<run>[^/]+)(/(?P<rest>.+))?)?")


@dataclass
class Question:
    """What a task asks a person. chosen: the answer; empty while nobody has answered."""

    chosen: list[str] = field(default_factory=list)
    reason: str = ""
    answered_by: str = ""


@dataclass
class DagRun:
    """user: who triggered it. questions: what its tasks ask now, by task. notes: what is written beside its tasks.

    failed: its tasks that failed, each with how often it was begun, newest first. date: its logical date.
    """

    conf: dict[str, Any]
    dag: str = dag_of(DEFAULT_TEAM)
    user: str = PLATFORM
    state: str = "queued"
    questions: dict[str, Question] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    failed: list[tuple[str, int]] = field(default_factory=list)
    date: str = ""


@lru_cache
def _client() -> Airflow:
    """Making one reads the certificates of this machine, which costs more than most tests."""
    return Airflow(URL, SECRET)


class FakeAirflow(FakeServer):
    """One Airflow server. Its DAG runs are a plain attribute, for tests to look at and to change by hand.

    It keeps one DAG run of an id, while Airflow keeps one in each DAG. teams: whose DAGs it has read; None for everybody's.
    listed: whether its ends are so young that they are in the list of DAG runs.
    """

    records = ("runs", "log")

    def __init__(self, crash: CrashPoints | None = None) -> None:
        super().__init__(crash)
        self.runs: dict[str, DagRun] = {}
        self.log: list[dict[str, Any]] = []
        self.teams: set[str] | None = None
        self.listed = True

    def connect(self) -> Airflow:
        """Jinsu's own client, connected to this server."""
        airflow = copy.copy(_client())
        airflow._http = self.client(URL)
        return airflow

    def ask(self, run: str, task: str) -> None:
        """A task of the run waits for a person."""
        self.runs[run].questions[task] = Question()

    def mark(self, run: str, state: str, person: str, task: str | None = None) -> None:
        """A person marks the run, or one of its tasks, as "failed" or "success" by hand; here the run ends at once."""
        event = "patch_dag_run" if task is None else "patch_task_instance"
        self._write(event, run, person, {"state" if task is None else "new_state": state}, task)
        self.runs[run].state = state

    def clear(self, run: str, person: str) -> None:
        """A person has tasks of the run done again."""
        self._write("post_clear_task_instances", run, person, {"dry_run": False})
        self.runs[run].state = "running"

    def delete(self, run: str, person: str) -> None:
        """A person deletes the run."""
        self._write("delete_dag_run", run, person, {})
        del self.runs[run]

    def _write(self, event: str, run: str, person: str, extra: dict[str, Any], task: str | None = None) -> None:
        when = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = {"event": event, "run_id": run, "dag_id": self.runs[run].dag, "task_id": task, "owner": person}
        self.log.append({**line, "when": when, "extra": json.dumps(extra)})

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, request: httpx.Request) -> Any:
        user = _user(request)
        if path == "/api/v2/eventLogs":
            lines = [line for line in self.log if all(line[name] == query[name] for name in ("run_id", "dag_id"))]
            return {"event_logs": lines[::-1]}
        found = _RUNS.fullmatch(path)
        assert found is not None, path
        dag, run, rest = found["dag"], found["run"], found["rest"]
        if run is None:
            states = request.url.params.get_list("state")
            return self._trigger(dag, body, user) if method == "POST" else self._list(states, int(query["limit"]))
        if run not in self.runs or self.runs[run].dag != dag:
            raise _refusal(404, f"The DagRun with dag_id: `{dag}` and run_id: `{run}` was not found")
        if rest == "taskInstances":
            return {"task_instances": [_task(*failed) for failed in self.runs[run].failed[:1]]}
        if rest is not None:
            return self._task(method, run, rest.split("/")[1], rest.endswith("/hitlDetails"), body, user)
        if method == "PATCH":
            self._write("patch_dag_run", run, user, body)
            self.runs[run].state = body["state"]
        return self._document(run)

    def _task(self, method: str, run: str, task: str, question: bool, body: Any, user: str) -> Any:
        if question:
            return self._question(method, run, task, body, user)
        self.runs[run].notes[task] = body["note"]
        return {"task_instances": [{"task_id": task, "note": body["note"]}]}

    def _trigger(self, dag: str, body: dict[str, Any], user: str) -> Any:
        run = body["dag_run_id"]
        if self.teams is not None and dag not in {dag_of(team) for team in self.teams}:
            raise _refusal(404, f"Dag with dag_id: '{dag}' not found")
        if not re.match(r"^[A-Za-z0-9_.~:+-]+$", run):
            raise _refusal(400, f"The run_id provided '{run}' does not match regex pattern …")
        if run in self.runs or (dag, body["logical_date"]) in {(kept.dag, kept.date) for kept in self.runs.values()}:
            raise _refusal(409, "Unique constraint violation")
        self.runs[run] = DagRun(body["conf"], dag, user, date=body["logical_date"])
        return self._document(run)

    def _document(self, run: str) -> dict[str, Any]:
        kept = self.runs[run]
        return {
            "dag_id": kept.dag,
            "dag_run_id": run,
            "state": kept.state,
            "conf": kept.conf,
            "logical_date": kept.date,
            "end_date": None,
            "triggering_user_name": kept.user,
        }

    def _list(self, states: list[str], limit: int) -> Any:
        found = [run for run, dag_run in self.runs.items() if dag_run.state in states and self.listed]
        return {"dag_runs": [self._document(run) for run in found[::-1][:limit]]}

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


def _task(name: str, tries: int) -> dict[str, Any]:
    return {"task_id": name, "try_number": tries, "max_tries": 25}


def _refusal(status: int, detail: str) -> Refusal:
    return Refusal(status, {"detail": detail})


def _user(request: httpx.Request) -> str:
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, SECRET, algorithms=["HS512"], audience="apache-airflow", issuer="jinsu")
    assert claims[PLATFORM_CLAIM] is True
    return str(claims["sub"])
