"""What every door says while the platform's database is away: 503 with a sentence, never 500 and never nothing."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware
from tests.support.answers import operations, refused
from tests.support.api_client import ApiClient
from tests.support.live_server import live
from tests.support.stage_bench import StageBench, settings_of

from jinsu.api.app import create_app
from jinsu.api.models import Me, NewToken, TokenBody
from jinsu.cli.client import Client
from jinsu.cli.main import main
from jinsu.errors import TransientError
from jinsu.installation import Installation
from jinsu.state import database
from jinsu.state.database import Database
from jinsu.web.unavailable import Unavailable

AWAY = "the platform's database does not answer"
BROWSER = {"cookie": "jinsu_session=x; jinsu_attempt_x=y", "origin": "http://api.test", "host": "api.test"}
WITHOUT_DATABASE = {
    "/openapi.json", "/docs", "/health", "/v1/docs/{key}/{sign}/{path:path}", "/login/oidc",
}  # fmt: skip
"""What is answered without asking the database."""


@pytest.fixture
def alone(tmp_path: Path) -> ApiClient:
    """The API of an installation whose database is away."""
    return ApiClient(Installation(settings_of(tmp_path, database_url="postgresql+psycopg://jinsu:x@127.0.0.1:1/jinsu")))


def test_every_route_answers_503_with_a_sentence(alone: ApiClient) -> None:
    for method, path in operations(alone):
        if path in WITHOUT_DATABASE or not path.startswith(("/v1", "/metrics")) or (method, path) == ("GET", "/v1/login"):
            continue
        body: Any = {"name": "ann", "password": "x"} if path == "/v1/login" else {"device_code": "x"}
        if path == "/v1/login/device":
            body = {}
        answer = alone.ask(method, re.sub(r"{[^}]*}", "x", path), json=body)
        problem = refused(answer, 503, AWAY)
        assert (problem.exit_code, answer.headers["retry-after"]) == (75, "5"), (method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/login"), ("POST", "/login"), ("GET", "/login/device?code=ABCD"), ("POST", "/login/device"),
        ("GET", "/logout"), ("POST", "/logout"), ("GET", "/login/oidc/callback?state=x"),
    ],
)  # fmt: skip
def test_every_page_says_it_as_a_page(alone: ApiClient, method: str, path: str) -> None:
    answer = alone.ask(method, path, None, headers=BROWSER, **({} if method == "GET" else {"data": {"name": "ann"}}))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["content-type"].startswith("text/html")
    assert "database does not answer" in answer.text


def test_a_database_that_takes_connections_and_says_nothing_is_away_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://jinsu:x@127.0.0.1:{silent.getsockname()[1]}/jinsu"
        begun = time.monotonic()
        with pytest.raises(TransientError, match="database does not answer"), Database(url).begin() as session:
            session.connection()
    assert time.monotonic() - begun < 60


def test_airflows_api_says_it_and_keeps_the_session() -> None:
    """As Airflow builds it: its middleware that drops a session stands within the auth manager's."""
    app = FastAPI()

    async def drop_sessions(request: Request, call_next: Any) -> Any:
        try:
            return await call_next(request)
        except HTTPException:
            return Response(headers={"set-cookie": "_token=; max-age=0"})

    app.add_middleware(BaseHTTPMiddleware, dispatch=drop_sessions)
    app.add_middleware(Unavailable)

    @app.get("/api/v2/dags")
    def dags() -> None:
        with Database("postgresql+psycopg://jinsu:x@127.0.0.1:1/jinsu").begin() as session:
            session.connection()

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://airflow.test") as client:
            return await client.get("/api/v2/dags")

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert AWAY in answer.json()["detail"]
    assert "set-cookie" not in answer.headers


# --- The command line ---


@pytest.fixture
def unsteady(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Client, list[int]]]:
    """A client of a live API, and for how many more requests its database is away."""
    left = [0]
    real = Database.begin

    def begin(self: Database) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise TransientError(f"{AWAY}; try again in a moment.", 0.1)
        return real(self)

    monkeypatch.setattr(Database, "begin", begin)
    monkeypatch.setenv("JINSU_TOKEN", "token of ann")
    with live(create_app(bench.installation)) as port:
        monkeypatch.setenv("JINSU_API", f"http://127.0.0.1:{port}")
        yield Client(), left


def test_a_question_is_asked_again_and_says_so(
    unsteady: tuple[Client, list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    client, left = unsteady
    left[0] = 2
    assert client.get("/v1/me", Me).name == "ann"
    assert capsys.readouterr().err.count(f"jinsu: {AWAY}; try again in a moment. Trying again in") == 2


def test_a_change_is_not_repeated_and_the_command_ends_with_the_sentence(unsteady: tuple[Client, list[int]]) -> None:
    client, left = unsteady
    left[0] = 1
    with pytest.raises(TransientError, match=AWAY):
        client.post("/v1/tokens", NewToken, TokenBody())
    assert left[0] == 0


def test_a_platform_that_stays_away_ends_the_command(
    unsteady: tuple[Client, list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, left = unsteady
    left[0] = 10**6
    with pytest.raises(SystemExit) as ended:
        main(["runs"])
    assert ended.value.code == 75
    assert capsys.readouterr().err.splitlines()[-1] == f"jinsu: {AWAY}; try again in a moment."


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>a router's page</html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(404, html="<html>not here</html>"),
        httpx.Response(500, json=["x"]),
        httpx.Response(500, json={"error": None, "exit_code": {}}),
        httpx.Response(502, text="\x1b[31mbad gateway"),
        httpx.Response(418, json={"error": "odd", "exit_code": "\x00"}),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:20]!r}",
)
def test_another_program_at_the_address_gets_a_sentence(
    answer: httpx.Response, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JINSU_TOKEN", "x")
    monkeypatch.setenv("JINSU_API", "http://somewhere.test")
    monkeypatch.setattr(httpx.Client, "request", lambda *_, **__: answer)
    monkeypatch.setattr("jinsu.cli.client._WAITS", (0.0,))
    with pytest.raises(SystemExit) as ended:
        main(["runs"])
    assert ended.value.code in (1, 75)
    said = capsys.readouterr().err
    assert said.startswith("jinsu: ")
    assert "\x1b" not in said


@pytest.mark.parametrize(("variable", "value"), [("JINSU_API", "http://["), ("JINSU_API", "x y"), ("JINSU_TOKEN", "tök\nen")])
def test_an_odd_address_or_token_gets_a_sentence(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JINSU_TOKEN", "x")
    monkeypatch.setenv("JINSU_API", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        main(["runs"])
    assert ended.value.code in (2, 75)
    assert capsys.readouterr().err.startswith("jinsu: ")
