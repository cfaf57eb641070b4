"""The gate before a real MLflow: who reads what, through every door, and who changes what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.mlflow_gate import PLATFORM, GatedMlflow, gated_mlflow
from tests.support.waiting import until

from jinsu.identity import accounts, tokens
from jinsu.servers.mlflow_doors import READS, Passage, passage
from jinsu.servers.mlflow_people import SECONDS
from jinsu.state.states import AuditEvent, Kept, Role, TokenUse
from jinsu.state.tables import AuditEntry, Model, Problem
from jinsu.steps.metrics import MetricPoint

V2, V3 = "/api/2.0/mlflow/", "/api/3.0/mlflow/"
PEOPLE = {"ada": ("red", Role.RESEARCHER), "rita": ("red", Role.REVIEWER), "bob": ("blue", Role.REVIEWER)}
OTHERS = ("zoe", "root", "admin", "reviewer", "gus")
"""Members of no team: nobody, the administrator, a person who is called like the platform's account in MLflow, one who is
called like the account that version 0.1 had for reviewers, and one whose rights change."""


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
    tokens: dict[str, str]
    models: dict[str, Filed] = field(default_factory=dict)

    def as_person(self, name: str) -> httpx.Client:
        return self.mlflow.client(self.tokens[name])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two teams with a model each, and people."""
    with gated_mlflow(tmp_path_factory.mktemp("gate")) as mlflow:
        found = World(mlflow, _people(mlflow))
        for name in ("rouge", "azure"):
            found.models[name] = _filed(mlflow, name)
        yield found


def _people(mlflow: GatedMlflow) -> dict[str, str]:
    with mlflow.database.begin() as session:
        for team, model in (("red", "rouge"), ("blue", "azure")):
            accounts.add_team(session, team, actor="test")
            session.add(Problem(name=model, team=team, dataset=model, inline=True, by="test", created=1.0))
            session.flush()
            session.add(Model(name=model, team=team, problem=model, by="test", created=1.0))
        for name in (*PEOPLE, *OTHERS):
            accounts.add_person(session, name, actor="test", admin=name == "root")
        for name, (team, role) in PEOPLE.items():
            accounts.set_role(session, name, team, role, actor="test")
        return {name: tokens.give(session, name, TokenUse.API, actor=name) for name in (*PEOPLE, *OTHERS)}


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


def query(text: str) -> Question:
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
    "graphql experiment": query('{ mlflowGetExperiment(input: {experimentId: "<experiment>"}) { experiment { name } } }'),
    "graphql run": query('{ mlflowGetRun(input: {runId: "<run>"}) { %s } }' % _RUN),
    "graphql run by its older name": query('{ mlflowGetRun(input: {runUuid: "<run>"}) { %s } }' % _RUN),
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
    told = {}
    for name in ("bob", "root", "ada", "rita", "zoe", "admin", "reviewer"):
        with world.as_person(name) as client:
            told[name] = tells_of(azure, ask(client, azure))
    assert [name for name, yes in told.items() if yes] == ["bob", "root"]


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
