"""The API: who is asking, how each refusal is worded, and what its description says; all through the whole application."""

import inspect
import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support.answers import JSON, OPEN, accepted, operations, refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench

from jinsu import errors
from jinsu.api import models
from jinsu.api.views import Views
from jinsu.cli.client import _ERRORS
from jinsu.errors import JinsuError, TransientError
from jinsu.identity.people import Person
from jinsu.runs.stages import (
    Admitted,
    Evaluated,
    Packaged,
    Promoted,
    Registered,
    Reviewed,
    RolledOut,
    StageName,
    Trained,
    Validated,
)
from jinsu.state.tables import Token

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]

# --- Who is asking ---


def test_nothing_but_signs_of_life_signed_pages_and_ways_in_is_shown_without_a_token(api: ApiClient) -> None:
    asked = set()
    for method, path in operations(api):
        asked.add(path)
        answer = api.ask(method, re.sub(r"{[^}]*}", "x", path), None, json={})
        if path in OPEN:
            assert answer.status_code != 401, (method, path)
            continue
        problem = refused(answer, 401, "no valid token")
        assert problem.exit_code == errors.ForbiddenError.exit_code
        assert answer.headers["www-authenticate"] == "Bearer"
    assert asked > OPEN


def test_a_token_that_ended_opens_nothing(bench: StageBench, api: ApiClient) -> None:
    assert api.get("/v1/runs", "eve").status_code == 200
    bench.remove_person("eve")
    refused(api.get("/v1/runs", "eve"), 401, "no valid token")


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
    assert [row.sha256 for row in bench.rows(Token) if row.person == "ann"] == [sha256(b"token of ann").hexdigest()]
    assert not [row for row in bench.rows(Token) if "token of" in repr(vars(row).values())]


REVIEWERS_ONLY = (
    ("/v1/reviews/{run}", {"verdict": "approve"}),
    ("/v1/rollouts/toy/abort", {}),
    ("/v1/rollouts/toy/resume", {}),
    ("/v1/models/toy/champion/1", None),
    ("/v1/models/toy/versions/1/revoke", {"reason": "wrong"}),
)


@pytest.mark.parametrize(("path", "body"), REVIEWERS_ONLY)
def test_a_researcher_releases_nothing(api_after: ApiAfter, path: str, body: Any) -> None:
    bench, api = api_after(StageName.REVIEW)
    path = path.format(run=bench.run)
    before = bench.facts()
    for who in ("ann", "eve"):
        sentence = f"{who} is a researcher of team default; this needs a reviewer of that team."
        problem = refused(api.post(path, who, json=body), 403, sentence)
        assert problem.exit_code == 4
    assert bench.facts() == before
    for who in ("bob", "carl", "olga"):  # an owner is a reviewer too
        assert api.post(path, who, json=body).status_code in (200, 404)  # allowed; there may be nothing to steer


@pytest.mark.parametrize("name", ["", "x" * 65, "a:b", "a\nb", "a\0b", "\ud800"])
def test_a_name_is_short_printable_text(api: ApiClient, name: str) -> None:
    body = json.dumps({"name": name, "admin": True})
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
    errors.RowsRefusedError: 400,
    errors.PermanentError: 400,
    errors.JinsuError: 400,
}


def every_error() -> list[type[JinsuError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, JinsuError)]


@pytest.mark.parametrize("kind", every_error())
def test_every_error_is_answered_with_its_sentence_and_exit_code(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch, kind: type[JinsuError]
) -> None:
    def fail(self: Views, who: Person, limit: int) -> None:
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


ODD_BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff",
    b'{"verdict": NaN}',
    b'{"verdict": Infinity}',
    b'{"verdict": "\\ud800"}',
    b'{"verdict": "approve", "reason": "\\ud800"}',
    b'{"verdict": "approve", "more": "\\ud800"}',
    b'{"verdict": "approve", "\\ud800": 1}',
    b'{"verdict": "approve", "reason": null}',
    b'{"verdict": "approve", "reason": "' + b"x" * 2001 + b'"}',
    b'{"verdict": ' + b"9" * 5000 + b"}",
    b"[" * 50_000,
    b'{"verdict": ' + b"[" * 900 + b"]" * 900 + b"}",
)


@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: repr(body[:24]))
def test_a_body_that_makes_no_sense_is_refused_in_one_sentence(bench: StageBench, api: ApiClient, body: bytes) -> None:
    problem = refused(api.post(f"/v1/reviews/{bench.run}", "bob", content=body, headers=JSON), 422)
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
        "/v1/problems/%00",
        "/v1/reviews/%00",
        "/v1/teams/%00/policy",
        "/v1/ledger?head=%00",
        "/v1/audit?limit=0",
        f"/v1/audit?limit={2**70}",
        "/v1/runs/toy-1/logs?trial=-1",
        f"/v1/runs/toy-1/logs?trial={2**70}",
        f"/v1/runs/toy-1/logs?offset={2**70}",
        "/v1/runs/toy-1/logs?offset=-1",
        f"/v1/runs?limit={2**70}",
        "/v1/docs/x/é/index.html",
        "/v1/docs/x/%F0%9F%98%80/index.html",
        "/v1/docs/%00/x/index.html",
    ],
)
def test_no_address_breaks_the_application(api: ApiClient, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code in (404, 422), answer.text
    refused(answer, answer.status_code)


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


# --- What people write in their own words ---


def test_harmful_characters_reach_no_record(bench: StageBench, api: ApiClient) -> None:
    odd = "a\x1b[2J b\x00 \u202egnp\r\n c"
    made = accepted(api.post("/v1/tokens", json={"label": odd}), models.NewToken)
    assert made.label == "a�[2J b� �gnp\n c"
    ended = accepted(api.post(f"/v1/runs/{bench.run}/cancel", json={"reason": odd}), models.Run)
    assert "\x1b" not in ended.model_dump_json()
    assert "\\u001b" not in ended.model_dump_json()


@pytest.mark.parametrize("name", ["a\x00", "a\x1b[2J", "\u202egnp", "a\nb", "\x7f"])
def test_no_name_holds_a_harmful_character(api: ApiClient, name: str) -> None:
    for path, body in (
        ("/v1/users", {"name": name}),
        ("/v1/teams", {"name": name}),
        ("/v1/grants", {"kind": "problem", "name": "toy", "team": name}),
        ("/v1/problems", {"document": {}, "team": name}),
        ("/v1/check", {"code_digest": "0" * 64, "team": name}),
        ("/v1/submissions", {"code_digest": "0" * 64, "idempotency_key": name}),
        ("/v1/submissions", {"code_digest": "0" * 64, "idempotency_key": "x", "team": name}),
        ("/v1/problems", {"document": {"name": name, "dataset": "points"}}),
        ("/v1/problems", {"document": {"name": "x", name: "points"}}),
    ):
        answer = api.post(path, "root", json=body)
        assert answer.status_code == 422, (path, body)
        assert name not in models.Problem.model_validate_json(answer.content).error


def test_a_refusal_repeats_no_megabytes(api: ApiClient) -> None:
    for body in ({"document": {"x" * 900_000: 1}}, {"document": {"name": "x" * 900_000}}, {"document": {"features": ["\0"] * 9}}):
        answer = api.post("/v1/problems", json=body)
        assert answer.status_code == 422
        assert len(models.Problem.model_validate_json(answer.content).error) < 1000
