"""Airflow's REST API: DAG runs, their states, and answers to questions of tasks. The only module that calls it."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from jinsu.clients.dag_ids import DEFAULT_TEAM, dag_of, team_of
from jinsu.errors import ConflictError, NotFoundError, PermanentError, TransientError

PLATFORM = "jinsu"
"""The name under which the platform itself uses Airflow."""
PLATFORM_CLAIM = "jinsu"
"""The claim of the tokens that the platform signs for itself. Airflow never signs one, so no person can have it."""
_TOKEN_SECONDS = 600
_LONGEST_NOTE = 1000
_LISTED_SECONDS = 3600.0
_SAME_TIME = 50
_ENDS = ("failed", "success")
_DEEDS = ("patch_dag_run", "patch_task_instance", "patch_task_group_instances", "delete_dag_run", "clear_dag_run",
          "post_clear_task_instances")  # fmt: skip
"""How Airflow's event log calls what a person does to a run that exists."""


@dataclass(frozen=True)
class Deed:
    """What a person did to a DAG run by hand.

    what: "failed" or "success", which they marked it as; "deleted"; or "cleared", so that its tasks run again. task: the
    task that it was done to, None for the whole run. at: seconds since the epoch.
    """

    person: str
    what: str
    task: str | None
    at: float


@dataclass(frozen=True)
class FailedTask:
    """A task that Airflow gave up on. tries: how often it was begun, of so many that are `allowed`."""

    task: str
    tries: int
    allowed: int


class Airflow:
    """One Airflow, used by the platform itself or in the name of a person who acted elsewhere.

    A run is named by its DAG run and its team, because each team has a DAG of its own. Every method raises TransientError
    while Airflow does not answer, unless its docstring says otherwise.
    """

    def __init__(self, url: str, secret: str, timeout: float = 20.0) -> None:
        self._secret = secret
        self._http = httpx.Client(base_url=url, timeout=timeout)
        self._tokens: dict[str, tuple[str, float]] = {}

    def trigger(
        self, run: str, conf: dict[str, Any], *, team: str, user: str = PLATFORM, at: float | None = None
    ) -> None:
        """Starts a DAG run of the team's lifecycle with this id; the same id again changes nothing.

        user: the person whose run it is, as Airflow shows and filters it. at: when it was asked for, in seconds since the
        epoch; Airflow gives slots of a pool in this order, and without it in none. Raises TransientError also while Airflow
        has not read the DAG of a new team.
        """
        asked = min(time.time(), time.time() if at is None else at)
        for attempt in range(_SAME_TIME):
            # Of one DAG no two runs may have the same logical date.
            date = datetime.fromtimestamp(asked, UTC) + timedelta(microseconds=attempt)
            body = {"dag_run_id": run, "logical_date": date.isoformat(), "conf": conf}
            try:
                self._call("POST", f"dags/{dag_of(team)}/dagRuns", body, user=user)
            except ConflictError:
                if self.run_state(run, team=team) is not None:
                    return
            except NotFoundError as problem:
                raise TransientError(
                    f"Airflow has not read the DAG of team {team} yet; run {run} is tried again."
                ) from problem
            else:
                return
        raise TransientError(f"Airflow has {_SAME_TIME} runs of the same moment; run {run} is tried again.")

    def run_state(self, run: str, *, team: str) -> str | None:
        """One of "queued", "running", "failed" and "success"; None for a run that Airflow does not know."""
        try:
            return str(self._call("GET", _run(team, run))["state"])
        except NotFoundError:
            return None

    def ended_runs(self) -> dict[tuple[str, str], str]:
        """Those of the last hour, at most the last hundred: "failed" or "success", by team and id.

        Two teams may have DAG runs of the same id: a person who triggers a run chooses its id.
        """
        since = datetime.fromtimestamp(time.time() - _LISTED_SECONDS, UTC).isoformat()
        query = [("end_date_gte", since), ("order_by", "-end_date"), ("limit", "100")]
        query += [("state", state) for state in _ENDS]
        runs = self._call("GET", f"dags/~/dagRuns?{urlencode(query)}")["dag_runs"]
        found = ((team_of(run["dag_id"]), run) for run in runs)
        return {(team, run["dag_run_id"]): str(run["state"]) for team, run in found if team is not None}

    def deeds(self, run: str, *, team: str) -> list[Deed]:
        """What people did to the run by hand, newest first. What the platform did is not among it."""
        query = [("dag_id", dag_of(team)), ("run_id", run), ("order_by", "-when"), ("limit", "50")]
        query += [("included_events", event) for event in _DEEDS]
        entries = self._call("GET", f"eventLogs?{urlencode(query)}")["event_logs"]
        found = (_deed(entry) for entry in entries if entry["owner"] not in (None, PLATFORM))
        return [deed for deed in found if deed is not None]

    def failed_task(self, run: str, *, team: str) -> FailedTask | None:
        """The task that failed last; None when none did, or Airflow does not know the run."""
        try:
            tasks = self._call("GET", f"{_run(team, run)}/taskInstances?state=failed&order_by=-end_date&limit=1")
        except NotFoundError:
            return None
        for task in tasks["task_instances"]:
            return FailedTask(task["task_id"], int(task["try_number"]), int(task["max_tries"]) + 1)
        return None

    def fail_run(self, run: str, *, team: str) -> None:
        """Ends a run as failed; harmless for a run that has failed already."""
        self._call("PATCH", _run(team, run), {"state": "failed"})

    def answer(self, run: str, task: str, option: str, reason: str, user: str, *, team: str) -> bool:
        """Answers the question of a waiting task in the name of `user`; False when the task does not ask (yet)."""
        path = f"{_run(team, run)}/taskInstances/{task}/-1/hitlDetails"
        try:
            self._call("PATCH", path, {"chosen_options": [option], "params_input": {"reason": reason}}, user=user)
        except NotFoundError:
            return False
        except ConflictError:
            return True  # an earlier answer stands
        return True

    def answer_of_try(self, run: str, task: str, number: int, *, team: str) -> dict[str, Any] | None:
        """What a person answered to an earlier try of a task, as Airflow words an answer; None when nobody did.

        Airflow can take an answer and then, while it resumes the task, lose the task and try it again.
        """
        path = f"{_run(team, run)}/taskInstances/{task}/-1/hitlDetails/tries/{number}"
        try:
            found = self._call("GET", path)
        except NotFoundError:
            return None
        return found if found.get("chosen_options") and found.get("responded_by_user") else None

    def note(self, run: str, task: str, text: str, *, team: str) -> None:
        """Writes a note beside a task, in place of the one before. Raises NotFoundError for an unknown task."""
        self._call("PATCH", f"{_run(team, run)}/taskInstances/{task}", {"note": text[:_LONGEST_NOTE]})

    def ensure_pool(self, name: str, slots: int) -> None:
        """Makes the pool, or gives an existing one so many slots. Waiting (deferred) tasks take a slot too."""
        body = {
            "name": name,
            "slots": slots,
            "include_deferred": True,
            "description": "Trainings at once on this platform.",
        }
        try:
            self._call("POST", "pools", body)
        except ConflictError:
            self._call("PATCH", f"pools/{name}", body)

    def parse_again(self) -> None:
        """Has the file of the lifecycle DAGs parsed within a second or two, not when its turn comes.

        Raises NotFoundError before the file was parsed for the first time.
        """
        file = self._call("GET", f"dags/{dag_of(DEFAULT_TEAM)}")["file_token"]
        with suppress(ConflictError):  # it is about to be parsed
            self._call("PUT", f"parseDagFile/{file}")

    def healthy(self) -> bool:
        """Whether the database, the scheduler, the DAG processor and the triggerer are all alive. Raises nothing."""
        try:
            health = self._http.get("/api/v2/monitor/health").json()
        except (httpx.TransportError, ValueError):
            return False
        return all(
            health.get(part, {}).get("status") == "healthy"
            for part in ("metadatabase", "scheduler", "dag_processor", "triggerer")
        )

    def ready(self) -> bool:
        """Whether the lifecycle can be triggered. Raises nothing."""
        try:
            return not self._call("GET", f"dags/{dag_of(DEFAULT_TEAM)}")["is_paused"]
        except (NotFoundError, TransientError, PermanentError):
            return False

    def _token(self, user: str) -> str:
        """A token of the platform in the name of `user`, signed with Airflow's secret, and kept until it is about to expire."""
        token, expires = self._tokens.get(user, ("", 0.0))
        if expires > time.time() + 60:
            return token
        import jwt

        now = int(time.time())
        claims = {
            "sub": user,
            PLATFORM_CLAIM: True,
            "jti": uuid.uuid4().hex,
            "iss": "jinsu",
            "aud": "apache-airflow",
            "iat": now,
            "nbf": now,
            "exp": now + _TOKEN_SECONDS,
        }
        token = jwt.encode(claims, self._secret, algorithm="HS512", headers={"kid": "not-used"})
        self._tokens[user] = (token, now + _TOKEN_SECONDS)
        return token

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None, user: str = PLATFORM) -> dict[str, Any]:
        try:
            answer = self._http.request(
                method, f"/api/v2/{path}", json=body, headers={"Authorization": f"Bearer {self._token(user)}"}
            )
        except httpx.TransportError as problem:
            raise TransientError(f"Airflow does not answer: {problem}; it is tried again.") from problem
        if answer.is_success:
            document: dict[str, Any] = answer.json() if answer.content else {}
            return document
        text = f"Airflow refused {method} {path}: {answer.status_code} {answer.text[:300]}"
        if answer.status_code == 404:
            raise NotFoundError(text)
        if answer.status_code == 409:
            raise ConflictError(text)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise TransientError(text)
        raise PermanentError(text)


def _run(team: str, run: str) -> str:
    return f"dags/{dag_of(team)}/dagRuns/{run}"


def _deed(entry: dict[str, Any]) -> Deed | None:
    """A line of Airflow's event log as a deed; None for a change that ends and begins nothing, such as a note."""
    event, extra = str(entry["event"]), _extra(entry)
    if event.startswith("patch"):
        what = str(extra.get("new_state") or extra.get("state") or "")
    else:
        what = "deleted" if event.startswith("delete") else "cleared"
    at = datetime.fromisoformat(str(entry["when"]).replace("Z", "+00:00")).timestamp()
    known = what in (*_ENDS, "deleted", "cleared")
    return Deed(str(entry["owner"]), what, entry.get("task_id") or None, at) if known else None


def _extra(entry: dict[str, Any]) -> dict[str, Any]:
    """The request that a line of the event log keeps as text."""
    try:
        found = json.loads(entry.get("extra") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
