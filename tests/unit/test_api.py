"""The API: who may do what, what is answered, and how each refusal is worded; all of it through the whole application."""

import inspect
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter
from tests.support.api_client import PEOPLE, ApiClient
from tests.support.stage_bench import SPEC, StageBench, points

from jinsu import errors
from jinsu.api import models
from jinsu.api import sample as sample_process
from jinsu.api.views import Views
from jinsu.cli.client import _ERRORS
from jinsu.data.split import holdout_mask
from jinsu.errors import JinsuError, TransientError
from jinsu.evaluation.score import Score
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.lifecycle.train import Train
from jinsu.packaging.findings import Latency, Parity
from jinsu.release.advance import Phase
from jinsu.runs.links import signature
from jinsu.runs.snapshots import pack
from jinsu.runs.stages import (
    Admitted,
    Evaluated,
    Packaged,
    Promoted,
    Registered,
    Reviewed,
    RolledOut,
    StageName,
    StageOutput,
    Trained,
    Validated,
    stage_of,
)
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import Review, Rollout, StageRecord, Submission, User
from jinsu.steps.status import Phase as StepPhase

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[StageBench, ApiClient]:
    """Describing all its routes makes an application slow to build, so the tests share one, and none its records."""
    bench = StageBench(tmp_path_factory.mktemp("api") / "home")
    return bench, ApiClient(bench.installation)


@pytest.fixture
def api_after(shared: tuple[StageBench, ApiClient], templates: Any) -> ApiAfter:
    """Makes the installation one whose run, of ann, has done a stage and those before it, and gives its API."""

    def become(stage: StageName | None) -> tuple[StageBench, ApiClient]:
        bench, api = shared
        bench.become(templates.after(stage))
        api.know_people()
        return bench, api

    return become


@pytest.fixture
def bench(api_after: ApiAfter) -> StageBench:
    """One accepted run, of ann."""
    return api_after(None)[0]


@pytest.fixture
def api(bench: StageBench, shared: tuple[StageBench, ApiClient]) -> ApiClient:
    return shared[1]


def refused(answer: Any, status: int, *words: str) -> models.Problem:
    """The problem that an answer describes, as the command line reads it."""
    assert answer.status_code == status, answer.text
    problem = models.Problem.model_validate_json(answer.content)
    for word in words:
        assert word in problem.error
    assert "\n" not in problem.error
    return problem


def accepted(answer: Any, kind: Any) -> Any:
    """The answer as the command line parses it."""
    assert answer.status_code == 200, answer.text
    return TypeAdapter(kind).validate_json(answer.content)


def operations(api: ApiClient) -> Iterator[tuple[str, APIRoute]]:
    for route in api.app.routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods):
                yield method, route


# --- Who is asking ---

OPEN = {"/health", "/v1/docs/{key}/{sign}/{path:path}"}


def test_nothing_but_a_sign_of_life_and_signed_pages_is_shown_without_a_token(api: ApiClient) -> None:
    asked = 0
    for method, route in operations(api):
        path = route.path.replace("{path:path}", "x")
        for name in ("run", "model", "verb", "version", "name", "reference", "key", "sign"):
            path = path.replace(f"{{{name}}}", "x")
        answer = api.ask(method, path, None, **({"json": {}} if method == "POST" else {}))
        if route.path in OPEN:
            assert answer.status_code in (200, 404)
            continue
        asked += 1
        problem = refused(answer, 401, "no valid token")
        assert problem.exit_code == errors.ForbiddenError.exit_code
        assert answer.headers["www-authenticate"] == "Bearer"
    assert asked >= 19


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic token of ann", "token of ann", "Bearer token of ann x"],
)
def test_only_a_whole_valid_token_is_one(api: ApiClient, header: str) -> None:
    refused(api.get("/v1/runs", None, headers={"authorization": header}), 401)


def test_the_scheme_of_a_token_may_be_written_in_any_case(api: ApiClient) -> None:
    assert api.get("/v1/runs", None, headers={"authorization": "bEARER token of ann"}).status_code == 200


def test_only_the_digest_of_a_token_is_kept(bench: StageBench, api: ApiClient) -> None:
    assert api.get("/v1/runs").status_code == 200
    assert not [row for row in bench.rows(User) if "token" in repr(vars(row).values())]


REVIEWERS_ONLY = (
    ("/v1/reviews/toy-1", {"approve": True}),
    ("/v1/rollouts/toy/abort", {}),
    ("/v1/rollouts/toy/resume", {}),
    ("/v1/models/toy/champion/1", None),
)


@pytest.mark.parametrize(("path", "body"), REVIEWERS_ONLY)
def test_a_researcher_releases_nothing(api: ApiClient, path: str, body: Any) -> None:
    problem = refused(api.post(path, "ann", json=body), 403, "ann is a researcher; this needs a reviewer.")
    assert problem.exit_code == 4
    for who in ("bob", "root"):
        assert api.post(path, who, json=body).status_code == 404  # allowed, but there is nothing to release


def test_only_an_administrator_gives_tokens(api: ApiClient) -> None:
    body = {"name": "carl", "role": "researcher"}
    for who in ("ann", "bob"):
        refused(api.post("/v1/users", who, json=body), 403, "this needs a admin")
    first = accepted(api.post("/v1/users", "root", json=body), models.Token)
    second = accepted(api.post("/v1/users", "root", json={**body, "role": "reviewer"}), models.Token)

    assert first.token != second.token
    assert second.role == "reviewer"
    refused(api.get("/v1/runs", None, headers={"authorization": f"Bearer {first.token}"}), 401)
    assert api.get("/v1/runs", None, headers={"authorization": f"Bearer {second.token}"}).status_code == 200


@pytest.mark.parametrize("name", ["", "x" * 65, "a:b", "a\nb", "a\0b", "\ud800"])
def test_a_name_is_short_printable_text(api: ApiClient, name: str) -> None:
    body = json.dumps({"name": name, "role": "admin"})
    problem = refused(api.post("/v1/users", "root", content=body, headers=JSON), 422)
    assert problem.exit_code == 2


# --- Refusals ---

STATUS = {
    errors.BadInputError: 422,
    errors.NotFoundError: 404,
    errors.ForbiddenError: 403,
    errors.ConflictError: 409,
    errors.TransientError: 503,
    errors.StepFailedError: 400,
    errors.GateFailedError: 400,
    errors.PermanentError: 400,
    errors.JinsuError: 400,
}


def every_error() -> list[type[JinsuError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, JinsuError)]


@pytest.mark.parametrize("kind", every_error())
def test_every_error_is_answered_with_its_sentence_and_exit_code(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch, kind: type[JinsuError]
) -> None:
    def fail(self: Views, limit: int) -> None:
        raise kind("what is wrong,\0 and \ud800 what to do")

    monkeypatch.setattr(Views, "runs", fail)
    answer = api.get("/v1/runs")

    problem = refused(answer, STATUS[kind], "what is wrong,� and � what to do")
    assert problem.exit_code == kind.exit_code
    assert answer.headers.get("retry-after") == ("5" if kind is TransientError else None)
    assert _ERRORS.get(problem.exit_code, JinsuError).exit_code == kind.exit_code  # as the command line raises it


def test_the_openapi_page_lists_every_refusal_of_every_route(api: ApiClient) -> None:
    paths = api.get("/openapi.json", None).json()["paths"]
    for path, found in paths.items():
        if not path.startswith("/v1"):
            continue
        for operation in found.values():
            for status in {"401", *map(str, STATUS.values())}:
                content = operation["responses"][status]["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, (path, status)
            assert operation.get("description") or operation.get("summary")


def test_the_openapi_page_describes_every_body_and_every_answer(api: ApiClient) -> None:
    schemas = api.get("/openapi.json", None).json()["components"]["schemas"]
    described = {
        name
        for name, kind in inspect.getmembers(models, inspect.isclass)
        if issubclass(kind, BaseModel) and kind.__module__ == models.__name__ and not name.startswith("_")
    }
    assert described <= set(schemas)
    outputs = (Admitted, Validated, Trained, Packaged, Evaluated, Registered, Reviewed, RolledOut, Promoted)
    assert {kind.__name__ for kind in outputs} <= set(schemas)
    assert schemas["Problem"]["required"] == ["error", "exit_code"]


JSON = {"content-type": "application/json"}
ODD_BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff",
    b'{"approve": NaN}',
    b'{"approve": Infinity}',
    b'{"approve": "\\ud800"}',
    b'{"approve": true, "reason": "\\ud800"}',
    b'{"approve": true, "more": "\\ud800"}',
    b'{"approve": true, "\\ud800": 1}',
    b'{"approve": true, "reason": null}',
    b'{"approve": true, "reason": "' + b"x" * 2001 + b'"}',
    b'{"approve": ' + b"9" * 5000 + b"}",
    b"[" * 50_000,
    b'{"approve": ' + b"[" * 900 + b"]" * 900 + b"}",
)


@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: repr(body[:24]))
def test_a_body_that_makes_no_sense_is_refused_in_one_sentence(api: ApiClient, body: bytes) -> None:
    problem = refused(api.post("/v1/reviews/toy-1", "bob", content=body, headers=JSON), 422)
    assert problem.exit_code == 2
    assert len(problem.error) < 500


def test_a_refused_body_names_its_field(api: ApiClient) -> None:
    body = {"code_digest": "x", "idempotency_key": "", "unknown": 1}
    refused(api.post("/v1/submissions", json=body), 422, "code_digest", "idempotency_key", "unknown")
    refused(api.get("/v1/runs?limit=0"), 422, "limit")
    refused(api.get("/v1/runs?limit=many"), 422, "limit")


def test_an_address_that_is_none_is_refused_like_everything_else(api: ApiClient) -> None:
    assert refused(api.get("/v1/nowhere"), 404).exit_code == 3
    assert refused(api.ask("DELETE", "/v1/runs"), 405).exit_code == 2


@pytest.mark.parametrize(
    "path",
    [
        "/v1/runs/%00",
        "/v1/runs/x%00y/logs",
        "/v1/ledger/%00",
        "/v1/datasets/%00/sample",
        "/v1/datasets/points/sample?by=%00",
        "/v1/runs/toy-1/logs?trial=-1",
        f"/v1/runs/toy-1/logs?trial={2**70}",
        f"/v1/runs/toy-1/logs?offset={2**70}",
        "/v1/runs/toy-1/logs?offset=-1",
        f"/v1/runs?limit={2**70}",
        "/v1/datasets/points/sample?rows=0",
        "/v1/datasets/points/sample?holdout=nan",
        "/v1/datasets/points/sample?holdout=1",
        "/v1/docs/x/é/index.html",
        "/v1/docs/x/%F0%9F%98%80/index.html",
        "/v1/docs/%00/x/index.html",
    ],
)
def test_no_address_breaks_the_application(api: ApiClient, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code in (404, 422), answer.text
    refused(answer, answer.status_code)


# --- Answers ---

SCORE = Score(0.9, 0.85, 0.95, 48)
OUTPUTS: tuple[StageOutput, ...] = (
    Admitted("points@7e8c714c79048e56", 3),
    Validated("a" * 64, 6, 240, "validations/page.html"),
    Trained("b" * 64, 12.25, 2**40, {"loss": 0.5}),
    Trained("b" * 64, 1.0, 1, {"loss": math.inf, "gain": -math.inf}),
    Packaged("c" * 64, 1, Parity(16, 1e-4, 0.0, 1e-7, 0.0), Latency(200, 0.5, 1.25, 100.0)),
    Evaluated("d" * 64, "1", "accuracy", SCORE, SCORE, 48),
    Evaluated("d" * 64, None, "accuracy", SCORE, None, 48),
    Registered("2", "c" * 64),
    Reviewed("2", "bob", "mlflow"),
    RolledOut("2", "", "all steps passed"),
    Promoted("2"),
    Promoted("2", "1"),
)


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: type(output).__name__)
def test_the_output_of_each_stage_arrives_in_its_own_type(
    bench: StageBench, api: ApiClient, output: StageOutput
) -> None:
    """Several have the same fields, so only the stage's name tells them apart."""
    bench.installation.journal.record(stage_of(type(output)), bench.run, lambda: output)
    (stage,) = accepted(api.get(f"/v1/runs/{bench.run}"), models.Run).stages

    assert stage.output == output
    assert type(stage.output) is type(output)
    assert models.Stage.model_validate_json(stage.model_dump_json()) == stage


def test_a_training_that_logged_nan_can_be_shown(bench: StageBench, api: ApiClient) -> None:
    trained = Trained("b" * 64, 1.0, 1, {"loss": math.nan})
    bench.installation.journal.record(StageName.TRAIN, bench.run, lambda: trained)
    answer = api.get(f"/v1/runs/{bench.run}")

    json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    (stage,) = accepted(answer, models.Run).stages
    assert math.isnan(stage.output.metrics["loss"])


@pytest.mark.parametrize("stage", [None, *StageName])
def test_a_run_can_be_shown_wherever_it_is(api_after: ApiAfter, stage: StageName | None) -> None:
    bench, api = api_after(stage)
    run = accepted(api.get(f"/v1/runs/{bench.run}"), models.Run)

    assert (run.id, run.model, run.submitter) == (bench.run, "toy", "ann")
    assert [found.name for found in run.stages] == list(StageName)[: list(StageName).index(stage) + 1 if stage else 0]
    assert all(found.state is StageState.DONE for found in run.stages)
    assert (run.rollout is not None) == (stage in (StageName.CANARY, StageName.PROMOTE))
    assert run.why
    assert models.Run.model_validate_json(run.model_dump_json()) == run


def test_a_run_that_trains_says_where_its_process_is(api_after: ApiAfter, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, api = api_after(StageName.VALIDATE_DATA)
    key = bench.build(Train).start(bench.run, 0)
    status = bench.launcher.attempts[key].status
    bench.launcher.attempts[key].status = type(status)(StepPhase.QUEUED, "no node has a free GPU")
    assert accepted(api.get(f"/v1/runs/{bench.run}"), models.Run).why == "train is queued: no node has a free GPU"

    def unreachable(run_key: str) -> None:
        raise TransientError("Kubernetes does not answer")

    monkeypatch.setattr(bench.launcher, "status", unreachable)
    assert "train has been running" in accepted(api.get(f"/v1/runs/{bench.run}"), models.Run).why


def test_runs_are_listed_newest_first_with_their_furthest_stage(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.PACKAGE)
    other = bench.another_run(None, submitter="eve")
    listed = accepted(api.get("/v1/runs"), list[models.RunSummary])

    assert [(run.id, run.stage, run.submitter) for run in listed] == [(other, "", "eve"), (bench.run, "package", "ann")]
    assert [run.id for run in accepted(api.get("/v1/runs?limit=1"), list[models.RunSummary])] == [other]


def test_a_run_that_does_not_exist_is_named(api: ApiClient) -> None:
    for path in ("/v1/runs/toy-0", "/v1/runs/toy-0/logs"):
        refused(api.get(path), 404, "run 'toy-0' does not exist")
    refused(api.post("/v1/runs/toy-0/cancel", json={}), 404, "does not exist")


# --- Submitting ---


def archive(folder: Path, spec: str = SPEC, **files: str) -> bytes:
    folder.mkdir(exist_ok=True)
    (folder / "model.yaml").write_text(spec)
    for name, text in {"expectations.yaml": "- expect_column_to_exist: {column: a}", **files}.items():
        (folder / name).write_text(text)
    return pack(folder, 2**20)[0]


def test_code_is_put_checked_and_submitted_once(bench: StageBench, api: ApiClient, tmp_path: Path) -> None:
    data = archive(tmp_path / "code")
    code = {accepted(api.post("/v1/code", content=data), models.Code).digest for _ in range(2)}
    assert len(code) == 1
    (digest,) = code
    checked = accepted(api.post("/v1/check", json={"code_digest": digest}), models.Checked)
    assert (checked.model, checked.rows) == ("toy", points().num_rows)
    assert len(bench.rows(Submission)) == 1

    body = {"code_digest": digest, "idempotency_key": "k", "overrides": {"train.params.lr": 0.5}}
    first = accepted(api.post("/v1/submissions", json=body), models.Accepted)
    again = accepted(api.post("/v1/submissions", json=body), models.Accepted)

    assert (first.new, again.new) == (True, False)
    assert first.id == again.id
    assert first.dataset == checked.dataset
    assert bench.row(Submission, first.id).submitter == "ann"
    assert bench.installation.catalog.read().models == {"toy": digest}  # the trigger form offers it


def test_a_submission_is_made_in_the_name_of_the_token(bench: StageBench, api: ApiClient) -> None:
    body = {"code_digest": bench.submission.code_digest, "idempotency_key": "k"}
    runs = {who: accepted(api.post("/v1/submissions", who, json=body), models.Accepted).id for who in PEOPLE}

    assert {who: bench.row(Submission, run).submitter for who, run in runs.items()} == {who: who for who in PEOPLE}
    refused(api.post("/v1/submissions", json={**body, "submitter": "eve"}), 422, "submitter")


def test_code_that_is_none_or_too_much_is_refused(bench_after: Callable[..., StageBench], tmp_path: Path) -> None:
    bench = bench_after(None, max_code_bytes=1000)
    api = ApiClient(bench.installation)
    api.know_people()
    refused(api.post("/v1/code", content=b"not an archive"), 422, "not a readable tar.gz archive")
    refused(api.post("/v1/code", content=b"x" * 1001), 422, "larger than 1000 bytes packed; put data into a dataset")
    refused(api.post("/v1/code", content=archive(tmp_path / "big", big="x" * 5000)), 422, "unpacked; send code only")


def test_a_spec_that_cannot_run_is_refused_before_anything_is_recorded(bench: StageBench, api: ApiClient) -> None:
    digest = bench.code(SPEC.replace("points", "nowhere"))
    refused(api.post("/v1/check", json={"code_digest": digest}), 404, "dataset 'nowhere' does not exist")
    body = {"code_digest": digest, "idempotency_key": "k"}
    refused(api.post("/v1/submissions", json=body), 404, "dataset 'nowhere' does not exist")
    overrides = {"data.dataset": "points", "train.params.x\ud800": "\ud800"}
    content = json.dumps({**body, "overrides": overrides})
    refused(api.post("/v1/submissions", content=content, headers=JSON), 422)
    assert len(bench.rows(Submission)) == 1


# --- Cancelling and logs ---


def test_a_run_is_cancelled_by_its_submitter_or_an_administrator_and_nobody_else(
    bench: StageBench, api: ApiClient
) -> None:
    for who in ("eve", "bob"):
        refused(api.post(f"/v1/runs/{bench.run}/cancel", who, json={}), 403, f"{who} is a {PEOPLE[who]}; this needs a")
    assert bench.submission.ended is None

    run = accepted(api.post(f"/v1/runs/{bench.run}/cancel", json={"reason": "wrong\0 dataset"}), models.Run)
    assert (run.state, run.why) == (SubmissionState.CANCELLED, "It was cancelled: wrong� dataset.")
    refused(api.post(f"/v1/runs/{bench.run}/cancel", json={}), 409, f"run {bench.run} has cancelled already")
    other = bench.another_run(None)
    run = accepted(api.post(f"/v1/runs/{other}/cancel", "root", json={}), models.Run)
    assert run.reason == "cancelled by root"


def test_a_log_is_read_piece_by_piece(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.VALIDATE_DATA)
    path = f"/v1/runs/{bench.run}/logs"
    refused(api.get(path), 404, "has not begun to train; see: jinsu why")
    key = bench.build(Train).start(bench.run, 0)
    bench.launcher.write(key, "epoch 1: é\n")

    log = accepted(api.get(path), models.Log)
    assert log == models.Log(text="epoch 1: é\n", next=12, ended=False)
    assert accepted(api.get(f"{path}?offset=12"), models.Log).text == ""
    bench.finish_training(key)
    bench.build(Train).finish(bench.run, 0, key)
    assert accepted(api.get(f"{path}?offset=12"), models.Log) == models.Log(text="trained\n", next=20, ended=True)
    refused(api.get(f"{path}?trial=1"), 404, "has not begun to train")


def test_a_log_of_a_training_that_is_tried_again_has_not_ended(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.VALIDATE_DATA)
    key = bench.build(Train).start(bench.run, 0)
    bench.launcher.fail(key, "the node was lost", interrupted=True)
    with pytest.raises(TransientError):
        bench.build(Train).finish(bench.run, 0, key)

    assert not accepted(api.get(f"/v1/runs/{bench.run}/logs"), models.Log).ended


# --- Reviews and releases ---


@pytest.mark.parametrize("approve", [True, False])
def test_a_reviewer_answers(api_after: ApiAfter, approve: bool) -> None:
    bench, api = api_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)
    (question,) = accepted(api.get("/v1/reviews", "bob"), list[models.OpenReview])
    assert (question.run, question.version, question.metric, question.value, question.gain) == (
        bench.run, "1", "accuracy", 1.0, None,
    )  # fmt: skip
    assert "Evidence" in question.links

    body = {"approve": approve, "reason": "because"}
    answered = accepted(api.post(f"/v1/reviews/{bench.run}", "bob", json=body), models.Answered)
    assert answered.state == ("approved" if approve else "rejected")
    assert bench.row(Review).reviewer == "bob"
    assert accepted(api.get("/v1/reviews"), list[models.OpenReview]) == []
    refused(api.post(f"/v1/reviews/{bench.run}", "root", json={"approve": not approve}), 409, "by bob already")


def test_a_reviewer_answers_for_no_run_of_their_own(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.REGISTER)
    bench.run = bench.another_run(StageName.REGISTER, submitter="bob")
    bench.build(ReviewStage).ask(bench.run)
    refused(api.post(f"/v1/reviews/{bench.run}", "bob", json={"approve": True}), 403, "another person must review it")
    assert api.post(f"/v1/reviews/{bench.run}", "root", json={"approve": True}).status_code == 200


def test_a_rollout_is_shown_and_steered(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.REVIEW)
    refused(api.post("/v1/rollouts/toy/abort", "bob", json={}), 404, "has no rollout now")
    bench.build(Canary).start(bench.run)
    (rollout,) = accepted(api.get("/v1/rollouts"), list[models.Rollout])
    assert (rollout.run, rollout.challenger, rollout.champion, rollout.phase, rollout.percent) == (
        bench.run, "1", None, Phase.DEPLOYING, 0,
    )  # fmt: skip

    for verb in ("stop", "ABORT", "abort:", ""):
        assert api.post(f"/v1/rollouts/toy/{verb}", "bob", json={}).status_code in (404, 422)
    done = accepted(api.post("/v1/rollouts/toy/abort", "bob", json={}), models.Commanded)
    assert (done.run, done.verb, done.reason) == (bench.run, "abort", "by bob")
    assert bench.row(Rollout).command == "abort:by bob"
    done = accepted(api.post("/v1/rollouts/toy/resume", "bob", json={"reason": "a: b"}), models.Commanded)
    assert bench.row(Rollout).command == "resume:a: b"


def test_a_champion_is_shown_and_rolled_back(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.PROMOTE)
    assert accepted(api.get("/v1/models"), list[models.Endpoint]) == []
    bench.serve("1")
    (endpoint,) = accepted(api.get("/v1/models"), list[models.Endpoint])
    assert (endpoint.model, endpoint.champion, endpoint.endpoint) == (
        "toy", "1", "http://endpoint.test/models/toy/invocations",
    )  # fmt: skip
    bench.another_run(StageName.PROMOTE, train__params={"lr": 3.0})
    refused(api.post("/v1/models/toy/champion/9", "bob"), 404, "no registered version '9'")

    back = accepted(api.post("/v1/models/toy/champion/1", "bob"), models.RolledBack)
    assert back == models.RolledBack(model="toy", version="1", previous="2")
    entries = accepted(api.get("/v1/ledger/toy"), list[models.LedgerEntry])
    assert [(entry.event, entry.version, entry.actor) for entry in entries] == [
        ("rolled back", "1", "bob"),
        ("promoted", "2", "bob"),
        ("promoted", "1", "bob"),
    ]
    assert accepted(api.get("/v1/ledger/unknown"), list[models.LedgerEntry]) == []


def test_a_review_whose_evaluation_is_being_repeated_hides_no_other(api_after: ApiAfter) -> None:
    """A person cleared the stage evaluate in Airflow while its question was open."""
    bench, api = api_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)
    other = bench.another_run(StageName.REGISTER, submitter="eve")
    bench.build(ReviewStage).ask(other)
    bench.change(StageRecord, bench.run, StageName.EVALUATE, 0, state=StageState.RUNNING)

    shown = accepted(api.get("/v1/reviews", "bob"), list[models.OpenReview])
    assert {review.run for review in shown} == {bench.run, other}


# --- Datasets and pages ---


def test_datasets_are_listed(bench: StageBench, api: ApiClient) -> None:
    (dataset,) = accepted(api.get("/v1/datasets"), list[models.Dataset])
    version = bench.installation.datasets.resolve("points")
    assert (dataset.name, dataset.version, dataset.kind, dataset.rows) == ("points", version.version, "table", 240)
    assert dataset.columns == {"a": "double", "b": "double", "label": "int64"}
    assert dataset.created_by == "ann"


def test_a_dataset_is_put_and_sampled_by_processes_of_their_own(
    bench: StageBench, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINSU_HOME", str(bench.home))
    bench.installation.settings.write()
    content = "x,label\n" + "\n".join(f"{number},{number % 2}" for number in range(50))
    made = accepted(api.post("/v1/datasets/numbers?suffix=.csv", "eve", content=content), models.Dataset)
    assert (made.name, made.rows, made.created_by) == ("numbers", 50, "eve")
    assert bench.installation.catalog.read().datasets == ("numbers",)

    answer = api.get("/v1/datasets/numbers/sample?rows=10")
    rows = pq.read_table(pa.BufferReader(answer.content)).to_pylist()
    table = bench.installation.datasets.table(bench.installation.datasets.resolve("numbers"))
    assert rows == table.take(np.flatnonzero(~holdout_mask(table, 0.2))[:10]).to_pylist()
    refused(api.get("/v1/datasets/nowhere/sample"), 422, "dataset 'nowhere' does not exist")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v1/datasets/Points?suffix=.csv", "use 1 to 40 lower-case letters"),
        ("/v1/datasets/..?suffix=.csv", ""),
        ("/v1/datasets/points?suffix=.exe", "'.exe' is not .parquet"),
        ("/v1/datasets/points?suffix=/../x.csv", "is not .parquet"),
        ("/v1/datasets/points", "suffix"),
    ],
)
def test_a_dataset_with_an_odd_name_is_refused(api: ApiClient, path: str, word: str) -> None:
    answer = api.post(path, content=b"x")
    assert answer.status_code in (404, 405, 422)
    refused(answer, answer.status_code, word)


def sampled(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, rows: int, share: float, by: str, name: str
) -> pa.Table:
    """What the process writes."""
    path = bench.home / "sample.parquet"
    monkeypatch.setattr(sample_process, "connect", lambda: bench.installation)
    monkeypatch.setattr("sys.argv", ["sample", name, str(rows), str(share), by, str(path)])
    sample_process.main()
    return pq.read_table(path)


def noise(seed: int, rows: int) -> pa.Table:
    """Rows with duplicates, nulls, text, NaN, and a column to hold out by."""
    rng = np.random.default_rng(seed)
    text = [None if value < 0.1 else f"word {int(value * 40)}" for value in rng.random(rows)]
    number = rng.integers(0, 30, rows) / 3
    number[rng.random(rows) < 0.1] = np.nan
    return pa.table(
        {"text": text, "number": number, "day": rng.integers(0, 40, rows), "label": rng.integers(0, 2, rows)}
    )


@pytest.mark.parametrize("by", ["", "day", "text"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_a_sample_never_holds_a_row_that_is_held_out(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, by: str, share: float
) -> None:
    for seed in range(5):
        table = noise(seed, 600)
        name = f"noise-{seed}"
        pq.write_table(table, bench.home / "noise.parquet")
        bench.installation.datasets.put(name, bench.home / "noise.parquet", "ann")
        held = holdout_mask(table, share, by or None)
        for rows in (1, 7, 64, 1000):
            found = sampled(bench, monkeypatch, rows, share, by, name)
            assert repr(found.to_pylist()) == repr(table.take(np.flatnonzero(~held)[:rows]).to_pylist())
            held_rows = {repr(row) for row in table.take(np.flatnonzero(held)).to_pylist()}
            assert not held_rows & {repr(row) for row in found.to_pylist()}


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_sample_of_few_rows_needs_no_held_out_row_among_the_first(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """The table as a whole can be split, so a check of the script must not fail on its beginning."""
    pq.write_table(points(20_000), bench.home / "many.parquet")
    bench.installation.datasets.put("many", bench.home / "many.parquet", "ann")
    held = holdout_mask(points(20_000), share)

    found = sampled(bench, monkeypatch, 4, share, "", "many")

    assert found.equals(points(20_000).take(np.flatnonzero(~held)[:4]))


def test_a_sample_of_a_table_that_cannot_be_split_says_so(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for share, by, word in (("0.9999999", "", "leaves one side empty"), ("0.2", "colour", "no column 'colour'")):
        with pytest.raises(SystemExit) as caught:
            sampled(bench, monkeypatch, 4, float(share), by, "points")
        assert caught.value.code == 2
        assert word in capsys.readouterr().err


@pytest.fixture
def documented(api_after: ApiAfter) -> tuple[StageBench, ApiClient, str]:
    """A validated run, and the address of its Data Docs."""
    bench, api = api_after(StageName.VALIDATE_DATA)
    return bench, api, bench.installation.links.of(bench.run)["Data docs"].removeprefix("http://api.test")


def test_a_page_of_the_data_docs_is_shown_to_whoever_has_its_address(documented: Any) -> None:
    _, api, address = documented
    assert "all hold" in api.get(address, None).text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key, sign, page: (key, "0" * 32, page),
        lambda key, sign, page: (key, sign[:-1], page),
        lambda key, sign, page: ("0" * 64, sign, page),
        lambda key, sign, page: (key, "é", page),
        lambda key, sign, page: (key, sign, "../../train.parquet"),
        lambda key, sign, page: (key, sign, "..%2F..%2Feval.parquet"),
        lambda key, sign, page: (key, sign, "/etc/passwd"),
        lambda key, sign, page: (key, sign, ""),
        lambda key, sign, page: (key, sign, "nothing.html"),
    ],
)
def test_any_other_address_shows_nothing(documented: Any, spoil: Callable[..., tuple[str, str, str]]) -> None:
    _, api, address = documented
    key, sign, page = spoil(*address.removeprefix("/v1/docs/").split("/", 2))
    refused(api.get(f"/v1/docs/{key}/{sign}/{page}", None), 404)


def test_a_link_within_the_pages_leads_to_no_other_file(documented: Any) -> None:
    bench, api, address = documented
    key, sign, _ = address.removeprefix("/v1/docs/").split("/", 2)
    out = bench.installation.steps.out(key)
    (out / "data_docs" / "rows.html").symlink_to(out / "eval.parquet")
    refused(api.get(f"/v1/docs/{key}/{sign}/rows.html", None), 404)


def test_nothing_is_fetched_for_a_page_before_its_signature_is_checked(
    documented: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever guesses keys must not make the API bring large steps from the store."""
    bench, api, _ = documented
    asked: list[str] = []
    monkeypatch.setattr(type(bench.installation.steps), "out", lambda self, key: asked.append(key) or bench.home)
    refused(api.get(f"/v1/docs/{'0' * 64}/{'0' * 32}/index.html", None), 404)
    assert asked == []
    sign = signature(bench.installation.settings.airflow_secret, "a" * 64)
    api.get(f"/v1/docs/{'a' * 64}/{sign}/index.html", None)
    assert asked == ["a" * 64]


# --- The API itself ---


def test_requests_are_counted_by_what_became_of_them(api: ApiClient) -> None:
    def count(status: int) -> float:
        label = f'jinsu_api_requests_total{{method="GET",status="{status}"}} '
        lines = [line for line in api.get("/metrics").text.splitlines() if line.startswith(label)]
        return float(lines[0].removeprefix(label)) if lines else 0.0

    before = {status: count(status) for status in (200, 404)}
    assert accepted(api.get("/health", None), models.Health).status == "ok"
    api.get("/v1/runs/toy-0")

    assert count(404) == before[404] + 1
    assert count(200) > before[200] + 1  # asking for the numbers counts too
