"""Every cell of the table of docs/security.md: each kind of person tries each door of a running platform.

Whatever is refused must also have changed nothing. Refusals come first, while nothing else moves; then what is allowed.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.support.door_world import (
    BYSTANDER,
    COOKIES,
    DAG,
    JUDGED,
    KEPT,
    KEPT_PROBLEM,
    MODEL,
    ROWS,
    TEAM,
    Attempt,
    Told,
    World,
    password_of,
    told,
)
from tests.support.doors import DOORS, EVEN_THE_PLATFORM, Answer, Door, Surface, Who

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ATTEMPTS: dict[tuple[Surface, str], Attempt] = {}
MOVES_SOMETHING = "have a version served by marking its review as successful"
"""Refused, but the run ends."""


def tries(surface: Surface, name: str) -> Callable[[Attempt], Attempt]:
    """Says which row of the table an attempt belongs to."""

    def keep(attempt: Attempt) -> Attempt:
        ATTEMPTS[surface, name] = attempt
        return attempt

    return keep


def cells() -> list[Any]:
    """Every cell that can come up: refusals, then what is allowed, then what ends a version or a run."""
    tried = [(door, who) for door in DOORS for who, answer in door.cells.items() if answer is not Answer.NO_CASE]
    tried.sort(key=lambda cell: _turn(*cell))
    return [pytest.param(door, who, id=f"{door.surface}: {door.name}, {who}") for door, who in tried]


def _turn(door: Door, who: Who) -> int:
    if door.name == MOVES_SOMETHING:
        return 3
    return 0 if door.cells[who] is not Answer.MAY else 2 if door.name.startswith("revoke") else 1


@pytest.fixture(scope="module")
def world(platform: Any, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(platform, tmp_path_factory.mktemp("doors"))
    made.make(table)
    yield made
    made.close()


def test_every_door_is_tried() -> None:
    assert ATTEMPTS.keys() == {(door.surface, door.name) for door in DOORS}


@pytest.mark.parametrize(("door", "who"), cells())
def test_a_door_answers_as_the_table_says(world: World, door: Door, who: Who) -> None:
    expected = door.cells[who]
    before = world.state()

    found = ATTEMPTS[door.surface, door.name](world, who)

    assert found.answer is expected, found
    if expected is not Answer.MAY and door.name != MOVES_SOMETHING:
        assert world.changed(before) == []


def person(world: World, who: Who, surface: Surface = Surface.API) -> str | None:
    """The name; None for nobody."""
    return None if who is Who.NOBODY else world.name(who, surface)


def refused(text: str) -> Told:
    """A refusal that is no HTTP status of its own."""
    return Told(403, text)


def seen(found: bool, text: str) -> Told:
    """Whether a list holds it."""
    return Told(200 if found else 404, text)


def approved(world: World, run: str, name: str | None, answer: httpx.Response) -> Told:
    """What a door said to an approval, which must have been taken when the door said so."""
    assert not answer.is_success or (name, "approve") in world.opinions(run), answer.text
    return told(answer)


# --- The command line ---

_STATUS = {0: 200, 3: 404, 4: 403, 5: 409}


def cli(world: World, who: Who, *words: str) -> Told:
    """Runs `jinsu`; an exit code stands for a status."""
    name = person(world, who, Surface.CLI)
    token = world.token(name) if name else "nobody's"
    process = world.platform.start_jinsu(*words, token=token)
    said, complaint = process.communicate(timeout=60)
    return Told(
        _STATUS.get(process.returncode, 500), f"jinsu {' '.join(words)}: {process.returncode} {said}{complaint}"
    )


@tries(Surface.CLI, "see what a run waits for")
def _(world: World, who: Who) -> Told:
    return cli(world, who, "why", world.runs["open"])


@tries(Surface.CLI, "submit a model of the team")
def _(world: World, who: Who) -> Told:
    found = cli(world, who, "submit", str(world.folder), "--team", TEAM, "--json")
    return ended_at_once(world, found, lambda: json.JSONDecoder().raw_decode(found.text, found.text.index("{"))[0])


@tries(Surface.CLI, "cancel a run")
def _(world: World, who: Who) -> Told:
    return cli(world, who, "cancel", to_cancel(world, Surface.CLI, who))


@tries(Surface.CLI, "approve a candidate")
def _(world: World, who: Who) -> Told:
    found = cli(world, who, "review", "approve", world.runs["open"])
    taken = (person(world, who, Surface.CLI), "approve") in world.opinions(world.runs["open"])
    assert taken == (found.answer is Answer.MAY)
    return found


@tries(Surface.CLI, "approve an own candidate")
def _(world: World, who: Who) -> Told:
    name = world.name(who)
    process = world.platform.start_jinsu("review", "approve", own_run(world, who), token=world.token(name))
    said, complaint = process.communicate(timeout=60)
    return Told(_STATUS[process.returncode], said + complaint)


@tries(Surface.CLI, "roll back to a rejected version")
def _(world: World, who: Who) -> Told:
    return cli(world, who, "rollout", "back", MODEL, world.versions["rejected"])


@tries(Surface.CLI, "put the team's policy")
def _(world: World, who: Who) -> Told:
    policy = world.folder.parent / "policy.yaml"
    policy.write_text("review: {approvers: 1}\n" if who is Who.ADMINISTRATOR else "review: {self_approval: true}\n")
    return cli(world, who, "team", "policy", "put", TEAM, str(policy))


def own_run(world: World, who: Who) -> str:
    """The open run that this person submitted."""
    return world.runs["open" if who is Who.SUBMITTER else world.name(who)]


def to_cancel(world: World, surface: Surface, who: Who) -> str:
    """An open run; for those who may, one of its own."""
    door = next(door for door in DOORS if (door.surface, door.name) == (surface, "cancel a run"))
    return world.submit("sumi") if door.cells[who] is Answer.MAY else world.runs["open"]


def ended_at_once(world: World, found: Told, answer: Callable[[], Any]) -> Told:
    """Cancels the run that was accepted."""
    if found.answer is Answer.MAY:
        assert world.platform.api_as("olga").post(f"/runs/{answer()['id']}/cancel", json={}).is_success
    return found


# --- The API ---


def asks(surface: Surface, name: str, method: str, path: str, **more: Any) -> None:
    """A row that is one request. In texts `{open}` stands for that run, `{v_open}` for its version, and so on."""

    @tries(surface, name)
    def attempt(world: World, who: Who) -> Told:
        names = {**world.runs, **{f"v_{name}": version for name, version in world.versions.items()}}
        me = person(world, who) or "sumi"
        sent = json.loads(json.dumps(more).replace("{me}", me))
        return told(world.api(person(world, who)).request(method, path.format(**names, me=me), **sent))


def in_lists(surface: Surface, name: str, *paths: str, mark: str) -> None:
    """A row that asks for lists: the one who may sees the mark in each, the others in none."""

    @tries(surface, name)
    def attempt(world: World, who: Who) -> Told:
        found = []
        for path in paths:
            answer = world.api(person(world, who)).get(path)
            if not answer.is_success:
                return told(answer)
            found.append(mark in answer.text)
        assert len(set(found)) == 1, dict(zip(paths, found, strict=True))
        return seen(found[0], str(paths))


A = Surface.API
asks(A, "see a run", "GET", "/runs/{open}")
in_lists(A, "find the team's work in a list", "/runs?limit=1000", "/reviews", "/models", "/problems", "/datasets",
         mark='"doors')  # fmt: skip
asks(A, "read the log of a training", "GET", "/runs/{open}/logs")
asks(A, "see a candidate's evidence", "GET", "/reviews/{open}")
asks(A, "see a model's ledger", "GET", f"/ledger/{MODEL}")
asks(A, "see a problem", "GET", f"/problems/{MODEL}")
asks(A, "put a version of a problem", "POST", "/problems",
     json={"document": {**KEPT_PROBLEM, "min": 0.1}, "team": TEAM})  # fmt: skip
asks(A, "approve a rejected version", "POST", "/reviews/{rejected}", json={"verdict": "approve"})
asks(A, "let another team read a model", "POST", "/grants", json={"kind": "model", "name": MODEL, "team": "default"})
asks(A, "make a team", "POST", "/teams", json={"name": "made-by-{me}"})
asks(A, "add a person", "POST", "/users", json={"name": "added-by-{me}"})
asks(A, "make oneself an administrator", "PUT", "/users/{me}/admin", json={"admin": True})
asks(A, "change another person's password", "PUT", f"/users/{BYSTANDER}/password", json={
    "password": password_of(BYSTANDER), "current": password_of(BYSTANDER)})  # fmt: skip
asks(A, "remove another person", "DELETE", f"/users/{BYSTANDER}")


@tries(A, "come in with the session of another door")
def _(world: World, who: Who) -> Told:
    return other_sessions(world, who, "api", "/v1/runs")


@tries(A, "change something with a session, from another site")
def _(world: World, who: Who) -> Told:
    name = world.name(who)
    page = world.page("api", world.session("api", name), sec_fetch_site="cross-site")
    assert page.get("/v1/me").json()["name"] == name
    return told(page.post("/v1/tokens", json={"label": "stolen"}))


def other_sessions(world: World, who: Who, door: str, path: str) -> Told:
    """Shows a door the session of every other one, and an API token, in place of its own."""
    name = world.name(who)
    cookies = [world.session(other, name) for other in COOKIES if other != door] + [world.token(name)]
    answers = [told(world.page(door, cookie).get(path)) for cookie in cookies]
    assert len({answer.answer for answer in answers}) == 1, answers
    return answers[0]


@tries(A, "see the team's members and policy")
def _(world: World, who: Who) -> Told:
    members, policy = (
        told(world.api(person(world, who)).get(f"/teams/{TEAM}/{what}")) for what in ("members", "policy")
    )
    assert members.answer is policy.answer
    return members


@tries(A, "open a report of a dataset without its signed link")
def _(world: World, who: Who) -> Told:
    links = world.platform.run(world.runs["open"])["links"]
    right = next(link for link in links.values() if "/v1/docs/" in link)
    shown = httpx.get(right)
    assert shown.is_success, (right, shown.text)
    key, sign, page = right.partition("/v1/docs/")[2].split("/", 2)
    return told(world.api(person(world, who)).get(f"/docs/{key}/{'0' * len(sign)}/{page}"))


@tries(A, "send code")
def _(world: World, who: Who) -> Told:
    from jinsu.runs.snapshots import pack

    (world.folder / "note.txt").write_text(who)
    packed = pack(world.folder, 2**20)[0]
    (world.folder / "note.txt").unlink()
    return told(world.api(person(world, who)).post("/code", content=packed))


@tries(A, "check a model and sample its rows")
def _(world: World, who: Who) -> Told:
    body = {"code_digest": world.code, "team": TEAM}
    checked, sampled = (told(world.api(person(world, who)).post(path, json=body)) for path in ("/check", "/sample"))
    assert checked.answer is sampled.answer, (checked, sampled)
    return checked


def submits(name: str, /, **overrides: Any) -> None:
    """A row that submits; an accepted run is cancelled at once."""

    @tries(A, name)
    def attempt(world: World, who: Who) -> Told:
        name = person(world, who)
        named = {path: f"{value}-by-{name}" if value == "new" else value for path, value in overrides.items()}
        answer = world.api(name).post("/submissions", json=world.body(overrides=named))
        return ended_at_once(world, told(answer), answer.json)


submits("submit a model of the team")
submits("submit for the team under a new name", name="new")
submits("submit with easier rules than the problem's", **{"name": JUDGED, "problem.min": 0.01})
submits("turn a model to another problem", name=JUDGED, problem=KEPT)


@tries(A, "put a version of a dataset")
def _(world: World, who: Who) -> Told:
    content, parameters = b"a,b,label\n1,2,1\n", {"suffix": ".csv"}
    return told(world.api(person(world, who)).post(f"/datasets/{ROWS}", params=parameters, content=content))


@tries(A, "cancel a run")
def _(world: World, who: Who) -> Told:
    return told(world.api(person(world, who)).post(f"/runs/{to_cancel(world, A, who)}/cancel", json={}))


@tries(A, "approve a candidate")
def _(world: World, who: Who) -> Told:
    run = world.runs["open"]
    answer = world.api(person(world, who)).post(f"/reviews/{run}", json={"verdict": "approve"})
    return approved(world, run, person(world, who), answer)


@tries(A, "approve an own candidate")
def _(world: World, who: Who) -> Told:
    run = own_run(world, who)
    return told(world.api(world.name(who)).post(f"/reviews/{run}", json={"verdict": "approve"}))


def run_for(who: Who) -> str:
    """The reviewer decides about the owner's run, and the owner about the reviewer's."""
    return "vera" if who is Who.OWNER else "olga"


@tries(A, "reject a candidate")
def _(world: World, who: Who) -> Told:
    body = {"verdict": "reject", "reason": "worse"}
    return told(world.api(person(world, who)).post(f"/reviews/{world.runs[run_for(who)]}", json=body))


def other_run_for(who: Who) -> str:
    return "second" if who is Who.OWNER else "first"


@tries(A, "ask for changes of a candidate")
def _(world: World, who: Who) -> Told:
    body = {"verdict": "ask changes", "reason": "more rows"}
    return told(world.api(person(world, who)).post(f"/reviews/{world.runs[other_run_for(who)]}", json=body))


@tries(A, "revoke a version")
def _(world: World, who: Who) -> Told:
    path = f"/models/{MODEL}/versions/{world.versions[run_for(who)]}/revoke"
    return told(world.api(person(world, who)).post(path, json={"reason": "a wrong column"}))


@tries(A, "give oneself the role of an owner")
def _(world: World, who: Who) -> Told:
    me = world.name(who) if who is not Who.NOBODY else "nina"
    path = f"/teams/{TEAM}/members/{me}"
    answer = world.api(person(world, who)).put(path, json={"role": "owner"})
    if who is Who.ADMINISTRATOR:  # who is in no team for all other cells
        assert world.api(me).put(path, json={"role": None}).is_success
    return told(answer)


@tries(A, "put the team's policy")
def _(world: World, who: Who) -> Told:
    document = {"review": {"approvers": 1}} if who is Who.ADMINISTRATOR else {"review": {"self_approval": True}}
    return told(world.api(person(world, who)).put(f"/teams/{TEAM}/policy", json={"document": document}))


@tries(A, "end a token of the submitter")
def _(world: World, who: Who) -> Told:
    sumi = world.platform.api_as("sumi")
    if who is Who.SUBMITTER:
        assert sumi.post("/tokens", json={"label": "to end"}).is_success
    newest = sumi.get("/tokens").json()[-1]["id"]
    return told(world.api(person(world, who)).delete(f"/tokens/{newest}"))


@tries(A, "read in the audit log what others did")
def _(world: World, who: Who) -> Told:
    answer = world.api(person(world, who)).get("/audit?limit=1000")
    if not answer.is_success:
        return told(answer)
    return seen({entry["actor"] for entry in answer.json()} - {world.name(who)} != set(), "the audit log")


# --- What serves ---

R = Surface.ROLLBACK
asks(R, "roll back to a version that may serve", "POST", f"/models/{MODEL}/champion/{{v_served}}")
asks(R, "roll back to a rejected version", "POST", f"/models/{MODEL}/champion/{{v_rejected}}")
asks(R, "roll back to a version that nobody approved", "POST", f"/models/{MODEL}/champion/{{v_second}}")
asks(R, "revoke the version that serves", "POST", f"/models/{MODEL}/versions/{{v_served}}/revoke", json={"reason": "x"})


@tries(R, "abort a rollout")
def _(world: World, who: Who) -> Told:
    return rollout(world, who, "abort")


@tries(R, "resume a rollout")
def _(world: World, who: Who) -> Told:
    return rollout(world, who, "resume")


def rollout(world: World, who: Who, verb: str) -> Told:
    """Nothing is rolled out: whoever may is told so."""
    answer = world.api(person(world, who)).post(f"/rollouts/{MODEL}/{verb}", json={})
    return Told(200, answer.text) if "has no rollout now" in answer.text else told(answer)


# --- Airflow ---

RUN = f"/dags/{DAG}/dagRuns/{{run}}"
F, W, P = Surface.FORM, Surface.AIRFLOW, Surface.AIRFLOW_PAGES


def airflow_page(world: World, who: Who, surface: Surface) -> httpx.Client:
    """A browser at Airflow's pages, of a person who signed in."""
    name = person(world, who, surface)
    page = world.page("airflow", world.session("airflow", name) if name else None)
    page.base_url = page.base_url.join("/api/v2/")
    return page


def in_airflow(name: str, method: str, path: str, run: str = "open", never: bool = False, **more: Any) -> None:
    """A row that is one request to the REST API. never: whatever makes no sense is a refusal, as nobody may."""

    @tries(W, name)
    def attempt(world: World, who: Who) -> Told:
        address = path.replace("{run}", world.runs[run])
        answer = world.airflow(person(world, who)).request(method, address, **more)
        return refused(answer.text) if never and answer.status_code == 422 else told(answer)


def start(conf: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"logical_date": None, "conf": conf, **more}


@tries(F, "open the form")
def _(world: World, who: Who) -> Told:
    return told(airflow_page(world, who, F).get(f"dags/{DAG}/details"))


@tries(F, "start a run")
def _(world: World, who: Who) -> Told:
    page = airflow_page(world, who, F)
    answer = page.post(f"dags/{DAG}/dagRuns", json=start({"code": world.code}))
    if answer.is_success:
        assert answer.json()["triggering_user_name"] == world.name(who, F)
        begun, olga = f"/dags/{DAG}/dagRuns/{answer.json()['dag_run_id']}", world.airflow("olga")
        # Airflow answers 500 while its scheduler begins the run.
        world.platform.until(lambda: olga.patch(begun, json={"state": "failed"}).is_success, 20, "the run to be failed")
    return told(answer)


@tries(F, "start a run in another person's name")
def _(world: World, who: Who) -> Told:
    body = start({"code": world.code}, triggering_user_name="sumi" if who is not Who.SUBMITTER else "olga")
    return senseless(airflow_page(world, who, F).post(f"dags/{DAG}/dagRuns", json=body))


@tries(F, "start a run of code that the form does not offer")
def _(world: World, who: Who) -> Told:
    return senseless(airflow_page(world, who, F).post(f"dags/{DAG}/dagRuns", json=start({"code": world.platform.code})))


def senseless(answer: httpx.Response) -> Told:
    """Airflow refuses a form that cannot be with 400 or 422, whoever sends it."""
    return refused(answer.text) if answer.status_code in (400, 422) else told(answer)


@tries(P, "see a run")
def _(world: World, who: Who) -> Told:
    return told(airflow_page(world, who, A).get(f"dags/{DAG}/dagRuns/{world.runs['open']}"))


@tries(P, "approve a candidate")
def _(world: World, who: Who) -> Told:
    return in_required_actions(world, airflow_page(world, who, P), world.runs[world.open(P)], person(world, who, P))


@tries(P, "come in with the session of another door")
def _(world: World, who: Who) -> Told:
    return other_sessions(world, who, "airflow", f"/api/v2/dags/{DAG}")


in_airflow("see a run", "GET", RUN)
in_airflow("read the log of a stage", "GET", f"{RUN}/taskInstances/admit/logs/1")
in_airflow("start a run over a span of time", "POST", "/backfills", never=True,
           json={"dag_id": DAG, "from_date": "2025-01-01T00:00:00Z", "to_date": "2025-01-02T00:00:00Z"})  # fmt: skip
in_airflow("mark a stage as successful", "PATCH", f"{RUN}/taskInstances/review/dry_run", json={"new_state": "success"})
in_airflow("mark a run as failed", "PATCH", RUN, run="rejected", json={"state": "failed"})
in_airflow("clear a run", "POST", f"{RUN}/clear", run="rejected", json={"dry_run": True})
in_airflow("delete a run", "DELETE", RUN, run="rejected")
in_airflow("change a pool", "PATCH", "/pools/training", json={"name": "training", "slots": 6, "include_deferred": True})


def several_in_airflow(name: str, *requests: tuple[str, str, Any]) -> None:
    """A row that is several requests, which are answered alike."""

    @tries(W, name)
    def attempt(world: World, who: Who) -> Told:
        found = []
        for method, path, body in requests:
            address = path.replace("{run}", world.runs["open"])
            found.append(told(world.airflow(person(world, who)).request(method, address, json=body)))
        assert len({item.answer for item in found}) == 1, found
        return found[0]


several_in_airflow(
    "pause or delete the DAG", ("PATCH", f"/dags/{DAG}", {"is_paused": True}), ("DELETE", f"/dags/{DAG}", None)
)
_RESULT = f"{RUN}/taskInstances/register/xcomEntries"
several_in_airflow(
    "forge the result of a stage",
    ("POST", _RESULT, {"key": "forged", "value": "x"}),
    ("PATCH", f"{_RESULT}/return_value", {"value": "x"}),
    ("DELETE", f"{_RESULT}/return_value", None),
)
several_in_airflow("read connections and variables", ("GET", "/connections", None), ("GET", "/variables", None))


@tries(W, "find the team's runs in a list")
def _(world: World, who: Who) -> Told:
    answer = world.airflow(person(world, who)).get("/dags/~/dagRuns?limit=100&order_by=-run_after")
    return seen(DAG in answer.text, answer.text[:200]) if answer.is_success else told(answer)


@tries(W, "approve a candidate")
def _(world: World, who: Who) -> Told:
    name = person(world, who, W)
    return in_required_actions(world, world.airflow(name), world.runs[world.open(W)], name)


@tries(W, "approve an own candidate")
def _(world: World, who: Who) -> Told:
    """Airflow knows of no submitter; the platform does not take the answer, and asks again."""
    name = world.name(who)
    return in_required_actions(world, world.airflow(name), own_run(world, who), name)


def in_required_actions(world: World, client: httpx.Client, run: str, name: str | None) -> Told:
    world.platform.until(lambda: world.asks(run), 60, f"{run} to ask")
    body = {"chosen_options": ["Approve"], "params_input": {"reason": "looks good"}}
    answer = client.patch(f"dags/{DAG}/dagRuns/{run}/taskInstances/review/-1/hitlDetails", json=body)
    if not answer.is_success:
        return told(answer)
    world.platform.until(lambda: world.asks(run), 60, f"{run} to ask again")
    time.sleep(1)  # Airflow loses an answer to a question that it asked a moment ago, and asks again
    taken = (name, "approve") in world.opinions(run)
    return told(answer) if taken else refused("the answer was not taken")


@tries(W, MOVES_SOMETHING)
def _(world: World, who: Who) -> Told:
    """Who may mark it as successful ends the run: the version still has no right to serve."""
    name = person(world, who)
    run = world.runs[world.open(L if who is Who.ADMINISTRATOR else W)]
    path = f"/dags/{DAG}/dagRuns/{run}/taskInstances/review"
    answer = world.airflow(name).patch(path, json={"new_state": "success", "include_downstream": False})
    if not answer.is_success:
        return told(answer)
    served = len(world.platform.ledger(MODEL))
    ended = world.platform.ended(run, 90)
    assert ended["state"] == "failed", ended
    assert len(world.platform.ledger(MODEL)) == served
    assert "approvals" in ended["reason"], ended["reason"]
    return refused(ended["reason"])


# --- MLflow ---

M, L, Q = Surface.MLFLOW, Surface.ALIAS, Surface.MLFLOW_PAGES
V2 = "/api/2.0/mlflow/"


def in_mlflow(surface: Surface, name: str, method: str, path: str, **more: Any) -> None:
    """A row that is one request. In texts `{run}` stands for MLflow's run, `{v_open}` for a version, and so on."""

    @tries(surface, name)
    def attempt(world: World, who: Who) -> Told:
        names = {f"v_{name.replace(' ', '_')}": version for name, version in world.versions.items()}
        names |= {"run": mlflow_run(world), "me": person(world, who) or "nobody"}
        text = json.dumps(more)
        for key, value in names.items():
            text = text.replace(f"{{{key}}}", value)
        address = path.replace("{run}", names["run"])
        return told(world.mlflow(person(world, who)).request(method, address, **json.loads(text)))


def mlflow_run(world: World) -> str:
    return str(world.platform.run(world.runs["open"])["mlflow_run"])


def alias(name: str, version: str) -> dict[str, Any]:
    return {"name": MODEL, "alias": name, "version": version}


def tag(key: str, version: str) -> dict[str, Any]:
    return {"name": MODEL, "version": version, "key": key, "value": "worse on sevens"}


ALIAS, TAG = V2 + "registered-models/alias", V2 + "model-versions/set-tag"
in_mlflow(M, "see a run", "GET", V2 + "runs/get?run_id={run}")
in_mlflow(M, "write another tag of a version", "POST", TAG, json=tag("jinsu.review", "{v_open}"))
in_mlflow(M, "register a version without evidence", "POST", V2 + "model-versions/create",
          json={"name": MODEL, "source": "/tmp/evil"})  # fmt: skip
in_mlflow(
    M, "delete a version", "DELETE", V2 + "model-versions/delete", json={"name": MODEL, "version": "{v_rejected}"}
)
in_mlflow(M, "change a metric of a run", "POST", V2 + "runs/log-metric",
          json={"run_id": "{run}", "key": "accuracy", "value": 1.0, "timestamp": 1})  # fmt: skip
in_mlflow(M, "replace a file of a run", "PUT", "/api/2.0/mlflow-artifacts/artifacts/1/{run}/artifacts/model/MLmodel",
          json={})  # fmt: skip
in_mlflow(M, "make an experiment", "POST", V2 + "experiments/create", json={"name": "by {me}"})
in_mlflow(M, "add a user", "POST", V2 + "users/create", json={"username": "by {me}", "password": "a long password"})
in_mlflow(M, "give oneself a permission", "POST", V2 + "registered-models/permissions/create",
          json={"name": MODEL, "username": "{me}", "permission": "MANAGE"})  # fmt: skip
in_mlflow(L, "move champion to a version that may serve", "POST", ALIAS, json=alias("champion", "{v_served}"))
in_mlflow(L, "move champion to a rejected version", "POST", ALIAS, json=alias("champion", "{v_rejected}"))
in_mlflow(L, "move champion to a version that nobody approved", "POST", ALIAS, json=alias("champion", "{v_second}"))
in_mlflow(L, "approve a rejected version (challenger)", "POST", ALIAS, json=alias("challenger", "{v_rejected}"))
in_mlflow(L, "take the alias champion away", "DELETE", ALIAS, json={"name": MODEL, "alias": "champion"})


@tries(M, "see a run with GraphQL")
def _(world: World, who: Who) -> Told:
    query = f'{{ mlflowGetRun(input: {{runId: "{mlflow_run(world)}"}}) {{ run {{ info {{ runName }} }} }} }}'
    answer = world.mlflow(person(world, who)).post("/graphql", json={"query": query})
    return told(answer) if not answer.is_success or world.runs["open"] in answer.text else refused(answer.text)


@tries(M, "find the team's models in a list")
def _(world: World, who: Who) -> Told:
    answer = world.mlflow(person(world, who)).get(V2 + "registered-models/search?max_results=100")
    return seen(f'"{MODEL}"' in answer.text, answer.text[:200]) if answer.is_success else told(answer)


def tags(name: str, key: str, run: Callable[[Who], str]) -> None:
    @tries(M, name)
    def attempt(world: World, who: Who) -> Told:
        return told(world.mlflow(person(world, who)).post(TAG, json=tag(key, world.versions[run(who)])))


tags("reject a candidate with a tag", "jinsu.reject", run_for)
tags("ask for changes with a tag", "jinsu.changes", other_run_for)
tags("revoke a version with a tag", "jinsu.revoke", other_run_for)


@tries(L, "approve a candidate (challenger)")
def _(world: World, who: Who) -> Told:
    name, body = person(world, who, L), alias("challenger", world.versions[world.open(L)])
    return approved(world, world.runs[world.open(L)], name, world.mlflow(name).post(ALIAS, json=body))


@tries(L, "approve an own candidate (challenger)")
def _(world: World, who: Who) -> Told:
    own = world.versions["open" if who is Who.SUBMITTER else world.name(who)]
    return told(world.mlflow(world.name(who)).post(ALIAS, json=alias("challenger", own)))


def mlflow_page(world: World, who: Who, surface: Surface, **headers: str) -> httpx.Client:
    name = person(world, who, surface)
    return world.page("mlflow", world.session("mlflow", name) if name else None, **headers)


@tries(Q, "see a run")
def _(world: World, who: Who) -> Told:
    return told(mlflow_page(world, who, A).get(f"/ajax-api/2.0/mlflow/runs/get?run_id={mlflow_run(world)}"))


_FROM_THE_PAGE = "/ajax-api/2.0/mlflow/registered-models/alias"


@tries(Q, "approve a candidate")
def _(world: World, who: Who) -> Told:
    body = alias("challenger", world.versions[world.open(Q)])
    answer = mlflow_page(world, who, Q).post(_FROM_THE_PAGE, json=body)
    return approved(world, world.runs[world.open(Q)], person(world, who, Q), answer)


@tries(Q, "approve a candidate, from another site")
def _(world: World, who: Who) -> Told:
    body = alias("challenger", world.versions[world.open(Q)])
    return told(mlflow_page(world, who, Q, sec_fetch_site="cross-site").post(_FROM_THE_PAGE, json=body))


@tries(Q, "come in with the session of another door")
def _(world: World, who: Who) -> Told:
    return other_sessions(world, who, "mlflow", V2 + "experiments/search?max_results=1")


# --- The database ---


@tries(Surface.DATABASE, "connect with the own name and token")
def _(world: World, who: Who) -> Told:
    name = person(world, who)
    host = database(world)["host"]
    try:
        psycopg.connect(host=host, dbname="jinsu", user=name or "jinsu", password=world.token(name) if name else "")
    except psycopg.OperationalError as problem:
        return refused(str(problem))
    return Told(200, "connected")


def database(world: World) -> dict[str, str]:
    """How the platform reaches its database."""
    url = world.platform.settings["database_url"].replace("+psycopg", "")
    return {key: str(value) for key, value in psycopg.conninfo.conninfo_to_dict(url).items()}


_STATEMENTS = {
    "change an entry": "UPDATE {} SET detail = 'another'",
    "remove an entry": "DELETE FROM {}",
    "empty": "TRUNCATE {} CASCADE",
}
_TABLES = {"ledger": "ledger", "audit log": "audit"}


def _statement(what: str) -> str | None:
    """The statement that a row of the second table is about."""
    table = next((table for name, table in _TABLES.items() if what.endswith(f"the {name}")), None)
    return next((text.format(table) for verb, text in _STATEMENTS.items() if table and what.startswith(verb)), None)


@pytest.mark.parametrize("what", [what for what in EVEN_THE_PLATFORM if _statement(what)])
def test_the_platforms_own_role_changes_no_entry(world: World, what: str) -> None:
    statement, before = _statement(what), world.state()
    with psycopg.connect(**database(world)) as connection:  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.RaiseException, match="only ever appended"):
            connection.execute(str(statement))
        connection.rollback()
        assert connection.execute("SELECT count(*) > 0 FROM audit").fetchone() == (True,)
    assert world.changed({"jinsu.ledger": before["jinsu.ledger"]}) == []
    assert world.platform.jinsu_json("ledger", "verify")["faults"] == []


_CONNECT = """
import json, os, sys, psycopg
how = json.load(sys.stdin)
if sys.argv[1]:
    os.setgroups([])
    os.setgid(65000)
    os.setuid(65000)
try:
    psycopg.connect(**how, connect_timeout=5)
except psycopg.OperationalError as problem:
    sys.exit(f"refused: {problem}")
"""
_WAYS: dict[str, tuple[str, dict[str, Any], str]] = {
    "connect without the password": ("", {"password": ""}, "no password supplied"),
    "connect over the network": ("", {"host": "127.0.0.1", "port": 5432}, "failed"),
    "connect as another user of the machine": ("another", {}, "Permission denied"),
}


@pytest.mark.parametrize("what", [what for what in EVEN_THE_PLATFORM if not _statement(what)])
def test_the_database_lets_nobody_else_in(world: World, what: str) -> None:
    """The control: with the password, from here, through the socket, the same words connect."""
    user, other, complaint = _WAYS[what]
    if user and os.getuid() != 0:
        pytest.skip("only root can become another user")
    right = database(world)
    assert connected(right, "").returncode == 0
    done = connected({**right, **other}, user)
    assert done.returncode == 1
    assert complaint in done.stderr


def connected(how: dict[str, Any], user: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    command = [sys.executable, "-c", _CONNECT, user]
    return subprocess.run(command, input=json.dumps(how), capture_output=True, text=True, check=False, env=environment)
