"""The gate before a real MLflow: who reads what, through every door, and who changes what."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.mlflow_gate import PLATFORM, GatedMlflow, gated_mlflow
from tests.support.people import ADMIN, make_people
from tests.support.waiting import until

from jinsu.identity import accounts, audit, tokens
from jinsu.servers.mlflow_doors import READS, Passage, passage
from jinsu.servers.mlflow_people import SECONDS
from jinsu.state.states import AuditEvent, Kept, Role, TokenUse
from jinsu.state.tables import Model, Problem
from jinsu.steps.metrics import MetricPoint

V2, V3 = "/api/2.0/mlflow/", "/api/3.0/mlflow/"
OTHERS = ("zoe", "admin", "reviewer")
"""In no team: somebody, a person who is called like the platform's account in MLflow, and one who is called like the account
that version 0.1 had for reviewers."""
MODELS = {"rouge": "default", "azure": "toys"}
"""The team of each model."""


@dataclass
class Filed:
    """What MLflow holds of one model. Every text of it has the model's name in it."""

    name: str
    experiment: str = ""
    run: str = ""
    logged: str = ""
    trace: str = ""
    version: str = "1"


@dataclass(frozen=True)
class World:
    mlflow: GatedMlflow
    models: dict[str, Filed]

    def as_person(self, name: str) -> httpx.Client:
        return self.mlflow.client(f"token of {name}")

    def refusals(self, name: str) -> list[str]:
        """What the person was refused, oldest first, as the audit log has it."""
        with self.mlflow.database.begin() as session:
            rows = audit.latest(session, 2000, name)
        return [row.subject for row in reversed(rows) if row.event is AuditEvent.REFUSED]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two teams with a model each, and people."""
    with gated_mlflow(tmp_path_factory.mktemp("gate")) as mlflow:
        make_people(mlflow.database)
        with mlflow.database.begin() as session:
            for name in OTHERS:
                accounts.add_person(session, name, actor=ADMIN)
                tokens.keep(session, name, TokenUse.API, f"token of {name}", label="", lifetime=None)
        for model, team in MODELS.items():
            own(mlflow, model, team)
        yield World(mlflow, {name: _filed(mlflow, name) for name in MODELS})


def own(mlflow: GatedMlflow, model: str, team: str) -> None:
    """Gives a team a model."""
    with mlflow.database.begin() as session:
        session.add(Problem(name=model, team=team, dataset=model, inline=True, by=ADMIN, created=1.0))
        session.flush()
        session.add(Model(name=model, team=team, problem=model, by=ADMIN, created=1.0))


def _filed(mlflow: GatedMlflow, name: str) -> Filed:
    """Files a model with all that MLflow can hold of one."""
    platform, filed = mlflow.platform, Filed(name)
    filed.experiment, filed.run = platform.ensure_run(name, f"{name}-1", {"team": f"{name}-tag"})
    platform.log(filed.run, [MetricPoint(f"{name}-loss", 0.5, step, 1.0) for step in range(3)], {"p": f"{name}-param"})
    platform.upload(filed.run, "notes/evidence.html", f"<p>{name}-evidence</p>".encode())
    platform.upload(filed.run, "model/MLmodel", f"{name}-package".encode())
    platform.ensure_model(name, {"team": f"{name}-tag"})
    source = f"mlflow-artifacts:/{filed.experiment}/{filed.run}/artifacts/model"
    platform.create_version(name, source, filed.run, {"code": f"{name}-tag"}, f"{name}-description")
    platform.set_alias(name, "champion", "1")
    with mlflow.client(auth=(PLATFORM.name, PLATFORM.password)) as client:
        dataset = {"name": f"{name}-rows", "digest": "d", "source_type": "s", "source": f"{name}-source"}
        body: dict[str, Any] = {"run_id": filed.run, "datasets": [{"dataset": dataset, "tags": []}]}
        _post(client, V2 + "runs/log-inputs", body)
        body = {"experiment_id": filed.experiment, "name": f"{name}-logged", "source_run_id": filed.run}
        filed.logged = _post(client, V2 + "logged-models", body)["model"]["info"]["model_id"]
        path = f"{filed.experiment}/models/{filed.logged}/artifacts/weights.txt"
        client.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}", content=f"{name}-weights").raise_for_status()
        filed.trace = _trace(client, filed)
    return filed


def _trace(client: httpx.Client, filed: Filed) -> str:
    trace = f"tr-{filed.run}"
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": filed.experiment}}
    info = {
        "trace_id": trace,
        "trace_location": place,
        "request_time": "2026-01-01T00:00:00Z",
        "execution_duration": "1.5s",
        "state": "OK",
        "request_preview": f"{filed.name}-question",
        "tags": {"mlflow.traceName": f"{filed.name}-trace"},
    }
    _post(client, V3 + "traces", {"trace": {"trace_info": info}})
    path = f"{filed.experiment}/traces/{trace}/artifacts/traces.json"
    spans = json.dumps({"spans": [{"name": f"{filed.name}-span"}]})
    client.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}", content=spans).raise_for_status()
    return trace


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


# --- Reading ---

Question = Callable[[httpx.Client, Filed], httpx.Response]


def get(path: str, /, **params: str) -> Question:
    """A question whose texts may name what is filed: `{run}`, `{name}`, …"""
    return lambda client, filed: client.get(
        path.format(**vars(filed)), params={name: value.format(**vars(filed)) for name, value in params.items()}
    )


def post(path: str, body: str) -> Question:
    """As `get`, with a JSON body in which `<run>` stands for the run, and so on."""
    return lambda client, filed: client.post(
        path,
        content=re.sub(r"<(\w+)>", lambda match: str(getattr(filed, match[1])), body),
        headers={"content-type": "application/json"},
    )


GRAPHQL: list[str] = []


def query(text: str) -> Question:
    GRAPHQL.append(text)
    return post("/graphql", json.dumps({"query": text}))


_RUN = "run { info { runName } data { params { key value } tags { key value } } modelVersions { name source } experiment { name } }"
QUESTIONS: dict[str, Question] = {
    "experiments/get": get(V2 + "experiments/get", experiment_id="{experiment}"),
    "experiments/get-by-name": get(V2 + "experiments/get-by-name", experiment_name="{name}"),
    "experiments/search": get(V2 + "experiments/search", max_results="100"),
    "experiments/search by POST": post(V2 + "experiments/search", '{"max_results": 100}'),
    "experiments/search by name": post(V2 + "experiments/search", '{"max_results": 9, "filter": "name = \'<name>\'"}'),
    "experiments/search-datasets": post(
        "/ajax-api/2.0/mlflow/experiments/search-datasets", '{"experiment_ids": ["<experiment>"]}'
    ),
    "runs/get": get(V2 + "runs/get", run_id="{run}"),
    "runs/get by its older name": get(V2 + "runs/get", run_uuid="{run}"),
    "runs/search": post(V2 + "runs/search", '{"experiment_ids": ["<experiment>"]}'),
    "runs/search of two": post(V2 + "runs/search", '{"experiment_ids": ["0", "<experiment>"]}'),
    "metrics/get-history": get(V2 + "metrics/get-history", run_id="{run}", metric_key="{name}-loss"),
    "metrics/get-history-bulk": get(
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk", run_id="{run}", metric_key="{name}-loss"
    ),
    "metrics/get-history-bulk-interval": get(
        V2 + "metrics/get-history-bulk-interval", run_ids="{run}", metric_key="{name}-loss", max_results="10"
    ),
    "artifacts/list": get(V2 + "artifacts/list", run_id="{run}", path="notes"),
    "mlflow-artifacts list": get("/api/2.0/mlflow-artifacts/artifacts", path="{experiment}/{run}/artifacts/notes"),
    "mlflow-artifacts list of an experiment": get("/api/2.0/mlflow-artifacts/artifacts", path="{experiment}"),
    "mlflow-artifacts": get("/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/notes/evidence.html"),
    "mlflow-artifacts of a page": get(
        "/ajax-api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/notes/evidence.html"
    ),
    "mlflow-artifacts of a logged model": get(
        "/api/2.0/mlflow-artifacts/artifacts/{experiment}/models/{logged}/artifacts/weights.txt"
    ),
    "mlflow-artifacts of a trace": get(
        "/api/2.0/mlflow-artifacts/artifacts/{experiment}/traces/{trace}/artifacts/traces.json"
    ),
    "get-artifact": get("/get-artifact", run_id="{run}", path="notes/evidence.html"),
    "get-artifact by its older name": get("/get-artifact", run_uuid="{run}", path="notes/evidence.html"),
    "model-versions/get-artifact": get("/model-versions/get-artifact", name="{name}", version="1", path="MLmodel"),
    "registered-models/get": get(V2 + "registered-models/get", name="{name}"),
    "registered-models/search": get(V2 + "registered-models/search", max_results="100"),
    "registered-models/search by name": get(V2 + "registered-models/search", filter="name = '{name}'"),
    "registered-models/alias": get(V2 + "registered-models/alias", name="{name}", alias="champion"),
    "get-latest-versions": get(V2 + "registered-models/get-latest-versions", name="{name}"),
    "get-latest-versions by POST": post(V2 + "registered-models/get-latest-versions", '{"name": "<name>"}'),
    "model-versions/get": get(V2 + "model-versions/get", name="{name}", version="1"),
    "model-versions/search": get(V2 + "model-versions/search", max_results="100"),
    "model-versions/search by run": get(V2 + "model-versions/search", filter="run_id = '{run}'"),
    "model-versions/get-download-uri": get(V2 + "model-versions/get-download-uri", name="{name}", version="1"),
    "logged-models/search": post(V2 + "logged-models/search", '{"experiment_ids": ["<experiment>"]}'),
    "logged-models": get(V2 + "logged-models/{logged}"),
    "logged-models/artifacts/directories": get(V2 + "logged-models/{logged}/artifacts/directories"),
    "logged-models/artifacts/files": get(
        "/ajax-api/2.0/mlflow/logged-models/{logged}/artifacts/files", artifact_file_path="weights.txt"
    ),
    "traces of version 2": get(V2 + "traces", experiment_ids="{experiment}"),
    "traces/info of version 2": get(V2 + "traces/{trace}/info"),
    "get-trace-artifact": get("/ajax-api/2.0/mlflow/get-trace-artifact", request_id="{trace}"),
    "get-trace-artifact of version 3": get("/ajax-api/3.0/mlflow/get-trace-artifact", request_id="{trace}"),
    "traces": get(V3 + "traces/{trace}"),
    "traces/batchGetInfos": post(V3 + "traces/batchGetInfos", '{"trace_ids": ["<trace>"]}'),
    "traces/search": post(
        V3 + "traces/search",
        '{"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "<experiment>"}}]}',
    ),
    "traces/metrics": post(
        V3 + "traces/metrics",
        '{"experiment_ids": ["<experiment>"], "view_type": "TRACES", "metric_name": "trace_count",'
        ' "aggregations": [{"aggregation_type": "COUNT"}], "dimensions": ["trace_name"]}',
    ),
    "graphql experiment": query(
        '{ mlflowGetExperiment(input: {experimentId: "<experiment>"}) { experiment { name } } }'
    ),
    "graphql run": query('{ mlflowGetRun(input: {runId: "<run>"}) { ' + _RUN + " } }"),
    "graphql run by its older name": query('{ mlflowGetRun(input: {runUuid: "<run>"}) { ' + _RUN + " } }"),
    "graphql runs": query(
        '{ mlflowSearchRuns(input: {experimentIds: ["<experiment>"]}) { runs { info { runName } modelVersions { name } } } }'
    ),
    "graphql artifacts": query('{ mlflowListArtifacts(input: {runId: "<run>", path: "notes"}) { files { path } } }'),
    "graphql versions": query(
        "{ mlflowSearchModelVersions(input: {filter: \"name='<name>'\"}) { modelVersions { name source } } }"
    ),
    "graphql metrics": query(
        '{ mlflowGetMetricHistoryBulkInterval(input: {runIds: ["<run>"], metricKey: "<name>-loss", maxResults: 5})'
        " { metrics { key value } } }"
    ),
}


def tells_of(filed: Filed, answer: httpx.Response) -> bool:
    """Whether an answer holds anything of what is filed: the name is in every text, but files are called alike."""
    marks = (filed.name, filed.run, filed.logged, "evidence.html", "weights.txt")
    return answer.is_success and any(mark in answer.text for mark in marks)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_door_tells_a_team_of_its_model_and_nobody_else(world: World, question: str) -> None:
    azure, ask = world.models["azure"], QUESTIONS[question]
    told = []
    for name in ("tom", "tess", "root", "ann", "bob", "olga", *OTHERS):
        with world.as_person(name) as client:
            if tells_of(azure, ask(client, azure)):
                told.append(name)
    assert told == ["tom", "tess", "root"]


def test_there_is_a_question_for_every_door_that_tells_of_a_model() -> None:
    asked = set()

    def note(request: httpx.Request) -> httpx.Response:
        asked.add(f"{request.method} {request.url.path}")
        return httpx.Response(200, json={})

    with httpx.Client(transport=httpx.MockTransport(note), base_url="http://mlflow") as client:
        for ask in QUESTIONS.values():
            ask(client, Filed("m", "1", "r", "l", "t"))
    silent = {"/", "/version", "/static-files/", "/server-info", "/users/current", "/ui-telemetry"}
    for line in READS:
        method, _, template = line.partition(" ")
        pattern = re.escape(template).replace(r"\{api\}", "/(?:ajax-)?api")
        pattern = pattern.replace("<path>", ".+").replace("<id>", "[^/]+")
        known = any(re.fullmatch(f"{method} {pattern}", line) for line in asked)
        assert known or template == "/" or any(part in template for part in silent - {"/"}), line


def test_a_question_about_two_models_is_not_answered_by_the_right_to_one(world: World) -> None:
    own, other = world.models["rouge"], world.models["azure"]
    up = f"/api/2.0/mlflow-artifacts/artifacts/{own.experiment}/{own.run}/artifacts"
    target = f"{other.experiment}/{other.run}/artifacts/notes/evidence.html"
    paths = [
        f"/get-artifact?run_id={own.run}&run_uuid={other.run}&path=notes/evidence.html",
        f"/get-artifact?run_uuid={own.run}&run_id={other.run}&path=notes/evidence.html",
        f"/get-artifact?run_id={own.run}&run_id={other.run}&path=notes/evidence.html",
        f"/get-artifact?run_id={own.run}&path=../../../{target}",
        f"{V2}runs/get?run_id={own.run}&run_uuid={other.run}",
        f"{V2}runs/get?run_uuid={own.run}&run_id={other.run}",
        f"{V2}model-versions/get?name=rouge&name=azure&version=1",
        f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={own.run}&run_id={other.run}&metric_key=azure-loss",
        f"{V2}metrics/get-history-bulk-interval?run_ids={own.run}&run_ids={other.run}&metric_key=azure-loss&max_results=5",
        f"/api/2.0/mlflow-artifacts/artifacts?path={own.experiment}/../{other.experiment}/{other.run}/artifacts/notes",
        *(f"{up}/{dots}/{dots}/{dots}/{target}" for dots in ("..", "%2e%2e", "%252e%252e", "..%2f", "..%5c")),
        f"/api/2.0/mlflow-artifacts/artifacts//{target}",
        f"/api/2.0/mlflow-artifacts/artifacts/%2f{target}",
        f"/API/2.0/mlflow/runs/get?run_id={other.run}",
        f"{V2}runs//get?run_id={other.run}",
        f"{V2}runs/get/?run_id={other.run}",
    ]
    bodies = [
        ("runs/search", {"experiment_ids": [own.experiment, other.experiment]}),
        ("logged-models/search", {"experiment_ids": [own.experiment, other.experiment]}),
        ("registered-models/get-latest-versions", {"name": "rouge", "names": ["azure"]}),
    ]
    with world.as_person("ann") as client:
        answers = {path: _raw(client, path) for path in paths}
        answers |= {path: client.post(V2 + path, json=body) for path, body in bodies}
        answers["by another method"] = client.head(f"{V2}runs/get", params={"run_id": other.run})
        answers["as another user"] = client.get(
            V2 + "runs/get", params={"run_id": other.run}, headers={"x-forwarded-user": "admin", "x-mlflow-user": "tom"}
        )
    assert [path for path, answer in answers.items() if tells_of(other, answer)] == []
    assert answers["by another method"].status_code == 403
    with world.as_person("tom") as client:  # the same paths tell tom something where they are not nonsense
        assert tells_of(other, _raw(client, paths[0].replace(own.run, other.run)))


def _raw(client: httpx.Client, path: str) -> httpx.Response:
    """Sends a path as it is written: httpx would take `..` away."""
    url = httpx.URL(client.base_url, raw_path=path.encode())
    return client.send(client.build_request("GET", url))


def test_graphql_has_no_question_but_those_that_are_asked_above(world: World) -> None:
    """A new one needs a test that it tells nobody else."""
    schema = "{ __schema { queryType { fields { name } } } }"
    change = 'mutation { mlflowSearchRuns(input: {experimentIds: ["1"]}) { runs { info { runName } } } }'
    with world.as_person("root") as client:
        found = client.post("/graphql", json={"query": schema}).json()["data"]["__schema"]
        refused = client.post("/graphql", json={"query": change})
    asked = {name for text in GRAPHQL for name in re.findall(r"\bmlflow\w+", text)}
    assert {item["name"] for item in found["queryType"]["fields"]} - {"test"} == asked
    assert refused.status_code == 403


# --- Whose rights change ---


def soon(told: Callable[[], bool]) -> None:
    until(told, SECONDS + 2, "the gate to notice")


def test_a_right_that_is_given_or_taken_is_so_within_seconds(world: World) -> None:
    azure, database = world.models["azure"], world.mlflow.database
    with database.begin() as session:
        accounts.add_person(session, "gus", actor=ADMIN)
        token = tokens.give(session, "gus", TokenUse.API, actor=ADMIN)
    with world.mlflow.client(token) as client:

        def sees(filed: Filed = azure) -> bool:
            return all(
                tells_of(filed, QUESTIONS[question](client, filed))
                for question in ("runs/get", "registered-models/get")
            )

        def sees_not() -> bool:
            return not any(tells_of(azure, ask(client, azure)) for ask in QUESTIONS.values())

        assert sees_not()
        with database.begin() as session:
            accounts.set_role(session, "gus", "toys", Role.RESEARCHER, actor=ADMIN)
        soon(sees)
        with database.begin() as session:
            accounts.set_role(session, "gus", "toys", None, actor=ADMIN)
            accounts.set_role(session, "gus", "default", Role.RESEARCHER, actor=ADMIN)
        soon(lambda: not sees())
        assert sees_not()
        with database.begin() as session:
            accounts.grant(session, Kept.MODEL, "azure", "default", actor=ADMIN)
        soon(sees)
        with database.begin() as session:
            accounts.take_grant(session, Kept.MODEL, "azure", "default", actor=ADMIN)
        soon(sees_not)
        own(world.mlflow, "verde", "default")
        verde = _filed(world.mlflow, "verde")
        soon(lambda: sees(verde))

        with database.begin() as session:
            accounts.remove_person(session, "gus", actor=ADMIN)
        soon(lambda: client.get(V2 + "experiments/search?max_results=1").status_code == 401)


# --- Changing ---


def test_every_request_that_mlflow_knows_is_read_acted_on_or_refused(world: World) -> None:
    """A request that a later MLflow adds is refused until it is listed; what is listed exists."""
    listed = {line.replace("{api}", prefix) for line in READS for prefix in ("/api", "/ajax-api")}
    acts = {
        f"{method} {prefix}/2.0/mlflow/{path}"
        for prefix in ("/api", "/ajax-api")
        for method, path in (
            ("POST", "registered-models/alias"), ("DELETE", "registered-models/alias"),
            ("POST", "model-versions/set-tag"), ("DELETE", "model-versions/delete-tag"),
        )
    }  # fmt: skip
    routes = world.mlflow.routes()
    assert len(routes) > 400
    ways: dict[Passage, set[str]] = {way: set() for way in Passage}
    for method, path in routes:
        example = re.sub(r"<path:\w+>|<\w+:path>", "a/b", path)
        plain = re.sub(r"<path:\w+>|<\w+:path>", "<path>", path)
        ways[passage(method, re.sub(r"<\w+>", "tr-12ab", example))].add(
            f"{method} {re.sub(r'<(?!path)[^>]*>', '<id>', plain)}"
        )

    assert ways[Passage.READ] == listed
    assert ways[Passage.ACT] == acts
    assert ways[Passage.QUERY] == {"POST /graphql"}
    assert ways[Passage.OPEN] == {"GET /health"}


def test_whatever_is_not_for_reading_is_refused_and_remembered(world: World) -> None:
    before = len(world.refusals("bob"))
    others = {"OPTIONS", "HEAD"}
    tried = []
    with world.as_person("bob") as client:
        for method, path in world.mlflow.routes():
            place = re.sub(r"<[^>]*>", "tr-12ab", path)
            if method in others or passage(method, place) in (Passage.READ, Passage.QUERY, Passage.OPEN):
                continue
            answer = client.request(method, place, json={"name": "rouge", "key": "a", "alias": "b", "version": "1"})
            assert answer.status_code == 403, (method, path, answer.text)
            assert answer.json()["error_code"] == "PERMISSION_DENIED"
            assert answer.json()["message"].endswith("."), answer.text
            if method != "GET":
                tried.append(f"mlflow: {method} {place}")
    assert len(tried) > 200
    assert world.refusals("bob")[before:] == tried


def test_the_platforms_own_account_does_what_it_did(world: World) -> None:
    platform = world.mlflow.platform
    platform.set_alias("rouge", "challenger", "1")
    platform.tag_version("rouge", "1", "jinsu.review", "approved")
    platform.drop_alias("rouge", "challenger", "1")
    assert platform.aliases("rouge") == {"champion": "1"}
    with world.mlflow.client(auth=(PLATFORM.name, PLATFORM.password)) as client:
        users = {user["username"] for user in client.get(V2 + "users/list").json()["users"]}
    assert {"admin", "admin (person)", "ann"} <= users


def test_nobody_else_gets_in(world: World) -> None:
    shown: list[Any] = [
        None,
        ("admin", "token of ann"),
        ("admin", ""),
        ("", ""),
        ("bob", "token of ann"),
        ("admin (person)", "token of admin"),
        ("reviewer", "only-for-tests"),
    ]
    for auth in shown:
        with world.mlflow.client(auth=auth) as client:
            answer = client.get(V2 + "experiments/search", params={"max_results": 1})
            assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED"), auth
            assert "basic" not in answer.headers["www-authenticate"].lower()
            assert client.get("/health").text == "OK"
    for auth in (("ann", "token of ann"), ("admin", "token of admin")):
        with world.mlflow.client(auth=auth) as client:
            assert client.get(V2 + "experiments/search", params={"max_results": 1}).is_success


# --- What a reviewer says ---


def test_an_alias_and_a_tag_are_a_reviewers_words(world: World) -> None:
    before = len(world.mlflow.deeds())
    with world.as_person("tess") as client:
        for prefix in ("/api", "/ajax-api"):
            place = f"{prefix}/2.0/mlflow/"
            for alias in ("challenger", "champion", "rejected"):
                body = {"name": "azure", "alias": alias, "version": "1"}
                assert client.post(place + "registered-models/alias", json=body).json() == {}
            for key in ("jinsu.reject", "jinsu.changes", "jinsu.revoke"):
                body = {"name": "azure", "version": "1", "key": key, "value": "worse on sevens"}
                assert client.post(place + "model-versions/set-tag", json=body).json() == {}
    said = [(deed["deed"], deed["model"], deed["version"], deed["reason"]) for deed in world.mlflow.deeds()[before:]]
    why = "worse on sevens"
    assert said[:6] == said[6:]
    assert said[:6] == [
        ("approve", "azure", "1", ""), ("move champion", "azure", "1", ""), ("reject", "azure", "1", ""),
        ("reject", "azure", "1", why), ("ask changes", "azure", "1", why), ("revoke", "azure", "1", why),
    ]  # fmt: skip
    assert {deed["person"] for deed in world.mlflow.deeds()[before:]} == {"tess"}
    assert world.mlflow.platform.aliases("azure") == {"champion": "1"}  # nothing of it reached MLflow


def test_other_peoples_words_are_none(world: World) -> None:
    before = world.mlflow.deeds()
    answers = {}
    for name in ("tom", "ann", "bob", "root", "zoe"):
        with world.as_person(name) as client:
            body = {"name": "azure", "alias": "challenger", "version": "1"}
            answers[name] = client.post(V2 + "registered-models/alias", json=body)
    assert {name: answer.json()["error_code"] for name, answer in answers.items()} == {
        "tom": "PERMISSION_DENIED",
        "root": "PERMISSION_DENIED",
        "ann": "RESOURCE_DOES_NOT_EXIST",
        "bob": "RESOURCE_DOES_NOT_EXIST",
        "zoe": "RESOURCE_DOES_NOT_EXIST",
    }
    assert world.mlflow.deeds() == before
    assert world.refusals("tom") == ["mlflow: POST /api/2.0/mlflow/registered-models/alias"]


# --- MLflow's own client ---

_SCRIPT = """
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
client = MlflowClient()
print([experiment.name for experiment in client.search_experiments()])
print([model.name for model in client.search_registered_models()])
version = client.get_model_version_by_alias("azure", "champion")
print(version.version, version.tags["code"])
print(open(client.download_artifacts(version.run_id, "notes/evidence.html")).read())
for change in (
    lambda: client.set_registered_model_alias("azure", "challenger", "1"),
    lambda: client.set_model_version_tag("azure", "1", "jinsu.reject", "worse"),
    lambda: client.create_experiment("mine"),
):
    try:
        print(change())
    except MlflowException as problem:
        print(problem.error_code, problem.message.removeprefix("PERMISSION_DENIED: ").split(";")[0])
"""


@pytest.mark.parametrize("name", ["tess", "tom"])
def test_mlflows_own_client_reads_and_says_as_a_person_does(world: World, name: str, tmp_path: Path) -> None:
    shown = {"MLFLOW_TRACKING_TOKEN": "token of tess"}
    if name == "tom":
        shown = {"MLFLOW_TRACKING_USERNAME": "tom", "MLFLOW_TRACKING_PASSWORD": "token of tom"}
    environment = {**os.environ, **shown, "MLFLOW_TRACKING_URI": world.mlflow.url, "HOME": str(tmp_path)}
    command = [sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    may_say = ["None", "None"] if name == "tess" else ["PERMISSION_DENIED tom is no reviewer."] * 2
    assert done.stdout.splitlines() == [
        "['azure']",
        "['azure']",
        "1 azure-tag",
        "<p>azure-evidence</p>",
        *may_say,
        "PERMISSION_DENIED POST experiments/create is not for people",
    ], done.stderr[-2000:]
