"""The gate before MLflow, with MLflow in memory: who gets through, how a browser signs in, what happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select
from tests.support.live_server import connection, head, heard, live
from tests.support.people import ADMIN, make_people

from jinsu.errors import ConflictError, ForbiddenError, GateFailedError, JinsuError, TransientError
from jinsu.identity import accounts, audit, tokens
from jinsu.identity.people import Person
from jinsu.servers import mlflow_app, mlflow_gate
from jinsu.servers.mlflow_doors import Act
from jinsu.servers.mlflow_gate import Gate
from jinsu.servers.mlflow_people import People, Recognition
from jinsu.servers.mlflow_sign_in import SignIn
from jinsu.settings import Account
from jinsu.state.database import Database, engine
from jinsu.state.states import AuditEvent, Kept, TokenUse
from jinsu.state.tables import Base, Model, Problem, Token

PLATFORM = Account("admin", "only-for-tests")
SEARCH, ALIAS = "/api/2.0/mlflow/runs/search", "/api/2.0/mlflow/registered-models/alias"
PAGE = {"accept": "text/html,*/*"}
CHALLENGER = {"name": "toy", "alias": "challenger", "version": "1"}


class InProcess(httpx.BaseTransport):
    """Hands requests to an application without a network."""

    def __init__(self, app: Gate) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            answer = await self._transport.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(ask())


class World:
    """A gate whose parts write down what they are asked. now: the clock of the recognition."""

    def __init__(self, database: Database, public: str = "http://mlflow.test") -> None:
        self.database, self.now = database, 0.0
        self.answered: list[tuple[str, str, bytes, dict[bytes, bytes]]] = []
        """User, method and path, body, and headers of what MLflow was asked."""
        self.readable: list[tuple[str, frozenset[str] | None]] = []
        self.done: list[tuple[Act, str]] = []
        self.fails: Exception | None = None
        people = People(database, self, PLATFORM.name)
        recognition = Recognition(people.find, 5.0, lambda: self.now)
        sign_in = SignIn(people, recognition, "http://jinsu.test", public)
        self.gate = Gate(self.mlflow, people, recognition, sign_in, self, PLATFORM)
        self.public = public

    async def mlflow(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await send(await receive())
            return
        found, body = mlflow_app.authorization(), (await receive()).get("body", b"")
        self.answered.append(
            (getattr(found, "username", "nobody"), f"{scope['method']} {scope['path']}", body, dict(scope["headers"]))
        )
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"mlflow"})

    def let_read(self, user: str, models: frozenset[str] | None) -> None:
        if self.fails:
            raise self.fails
        self.readable.append((user, models))

    def do(self, act: Act, person: Person) -> None:
        if self.fails:
            raise self.fails
        self.done.append((act, person.name))

    def token(self, name: str, use: TokenUse, **more: Any) -> str:
        with self.database.begin() as session:
            return tokens.give(session, name, use, actor=name, **more)

    def events(self, name: str) -> list[tuple[AuditEvent, str, str]]:
        with self.database.begin() as session:
            rows = [(row.event, row.subject, row.detail) for row in reversed(audit.latest(session, 100, name))]
        return [row for row in rows if row[0] is not AuditEvent.TOKEN_MADE]

    def browser(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.public, headers=headers, transport=InProcess(self.gate))

    def signed_in(self, name: str) -> httpx.Client:
        browser = self.browser()
        browser.cookies.set("jinsu_mlflow", self.token(name, TokenUse.MLFLOW_SESSION))
        return browser


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(f"sqlite:///{tmp_path}/jinsu.db")
    Base.metadata.create_all(engine(database.url))
    make_people(database)
    with database.begin() as session:
        for model, team in (("toy", "default"), ("tractor", "toys")):
            session.add(Problem(name=model, team=team, dataset=model, inline=True, by=ADMIN, created=1.0))
            session.flush()
            session.add(Model(name=model, team=team, problem=model, by=ADMIN, created=1.0))
    yield World(database)
    engine(database.url).dispose()


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer token of {name}"}


# --- Who somebody is ---


def test_a_token_a_password_and_a_cookie_show_a_person(world: World) -> None:
    client = world.browser()
    assert client.post(SEARCH, headers=bearer("ann"), json={"a": 1}).text == "mlflow"
    assert client.post(SEARCH, auth=("ann", "token of ann"), json={"a": 1}).text == "mlflow"
    assert world.signed_in("ann").post(SEARCH, headers={"origin": world.public}, json={"a": 1}).text == "mlflow"

    assert [entry[:3] for entry in world.answered] == [("ann", f"POST {SEARCH}", b'{"a":1}')] * 3
    for *_, headers in world.answered:
        assert not {b"authorization", b"cookie"} & set(headers)
    assert world.readable == [("ann", frozenset({"toy"}))] * 2


def test_the_platforms_account_passes_with_what_it_showed(world: World) -> None:
    answer = world.browser().delete(ALIAS, auth=("admin", "only-for-tests"))
    assert answer.text == "mlflow"
    ((user, asked, _, headers),) = world.answered
    assert (user, asked) == ("admin", f"DELETE {ALIAS}")
    assert b"authorization" in headers
    assert world.readable == []


def test_whoever_is_nobody_is_told_how_to_be_somebody(world: World) -> None:
    session = world.token("ann", TokenUse.MLFLOW_SESSION)
    code = world.token("ann", TokenUse.MLFLOW_CODE)
    ended = world.token("ann", TokenUse.API, lifetime=-2.0)
    shown: list[dict[str, str]] = [
        {},
        *({"authorization": f"Bearer {token}"} for token in (session, code, ended, "wrong", "")),
        {"cookie": "jinsu_mlflow=token of ann"},
        {"cookie": f"jinsu_mlflow={code}"},
    ]
    client = world.browser()
    answers = [client.post(SEARCH, headers=headers) for headers in shown]
    answers += [client.post(SEARCH, auth=auth) for auth in (("bob", "token of ann"), ("admin", "wrong"), ("ann", ""))]
    for answer in answers:
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
        assert "MLFLOW_TRACKING_TOKEN" in answer.json()["message"]
        assert answer.headers["www-authenticate"] == "Bearer"
    assert world.answered == []


def test_health_is_open_and_nobodys(world: World) -> None:
    assert world.browser().get("/health", headers=bearer("ann")).text == "mlflow"
    ((user, _, _, headers),) = world.answered
    assert user == "nobody"
    assert b"authorization" not in headers


def test_a_person_of_the_platforms_name_has_no_more_rights_than_others(world: World) -> None:
    with world.database.begin() as session:
        accounts.add_person(session, "admin", actor=ADMIN)
        tokens.keep(session, "admin", TokenUse.API, "token of admin", label="", lifetime=None)
    assert world.browser().get("/", auth=("admin", "token of admin")).text == "mlflow"
    assert world.answered[0][0] == "admin (person)"
    assert world.readable == [("admin (person)", frozenset())]


def test_an_administrator_reads_everything_and_a_grant_is_read_too(world: World) -> None:
    with world.database.begin() as session:
        accounts.grant(session, Kept.MODEL, "tractor", "default", actor=ADMIN)
    for name in (ADMIN, "ann", "tom"):
        world.browser().get("/", headers=bearer(name))
    assert world.readable == [
        (ADMIN, None),
        ("ann", frozenset({"toy", "tractor"})),
        ("tom", frozenset({"tractor"})),
    ]


def test_a_person_is_asked_for_once_in_some_seconds(world: World) -> None:
    client = world.browser()
    for _ in range(3):
        client.get("/", headers=bearer("ann"))
    assert len(world.readable) == 1

    with world.database.begin() as session:
        tokens.revoke(session, "ann", session.scalars(select(Token.id).where(Token.person == "ann")).one(), actor="ann")
    world.now = 4.9
    assert client.get("/", headers=bearer("ann")).status_code == 200
    world.now = 5.1
    assert client.get("/", headers=bearer("ann")).status_code == 401
    assert len(world.answered) == 4


def test_a_failure_is_not_remembered(world: World) -> None:
    client = world.browser()
    world.fails = TransientError("MLflow could not record it", 7)
    answer = client.get("/", headers=bearer("ann"))
    assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert answer.headers["retry-after"] == "7"
    world.fails = None
    assert client.get("/", headers=bearer("ann")).status_code == 200


def test_a_database_that_does_not_answer_is_a_passing_problem(world: World) -> None:
    Base.metadata.drop_all(engine(world.database.url))
    for path in ("/", "/jinsu/logout"):
        answer = world.browser(cookie="jinsu_mlflow=t").get(path)
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert world.answered == []


def exchange(world: World, kind: str) -> list[Any]:
    """What the gate says in an exchange that is no request."""
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": f"{kind}.begins"}

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(world.gate({"type": kind, "path": "/", "headers": []}, receive, send))
    return said


def test_a_web_socket_is_closed(world: World) -> None:
    assert exchange(world, "websocket") == [{"type": "websocket.close", "code": 1008}]


def test_mlflow_is_started_and_stopped_with_the_gate(world: World) -> None:
    assert exchange(world, "lifespan") == [{"type": "lifespan.begins"}]


# --- What is refused, and what is said ---


def test_what_is_not_listed_is_refused_and_remembered_when_it_would_change_something(world: World) -> None:
    client = world.browser(**bearer("bob"))
    for method in ("GET", "POST"):
        answer = client.request(method, "/api/2.0/mlflow/webhooks")
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert world.events("bob") == [
        (AuditEvent.REFUSED, "mlflow: POST /api/2.0/mlflow/webhooks", answer.json()["message"]),
    ]
    assert world.answered == []


def test_a_reviewers_alias_is_given_to_the_platform(world: World) -> None:
    answer = world.browser(**bearer("bob")).post(ALIAS, json=CHALLENGER)
    assert (answer.status_code, answer.json()) == (200, {})
    ((act, name),) = world.done
    assert (act.deed, act.model, act.version, name) == ("approve", "toy", "1", "bob")
    assert world.answered == world.events("bob") == []


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (ForbiddenError("ann submitted it."), 403, "PERMISSION_DENIED"),
        (ConflictError("rejected already."), 409, "RESOURCE_CONFLICT"),
        (TransientError("MLflow does not answer."), 503, "TEMPORARILY_UNAVAILABLE"),
        (GateFailedError("no."), 400, "BAD_REQUEST"),
    ],
)
def test_a_problem_is_told_as_mlflow_tells_one(world: World, problem: JinsuError, status: int, code: str) -> None:
    client = world.browser(**bearer("bob"))
    client.get("/")
    world.fails = problem
    answer = client.post(ALIAS, json=CHALLENGER)
    assert (answer.status_code, answer.json()) == (status, {"error_code": code, "message": str(problem)})
    refused = [(AuditEvent.REFUSED, f"mlflow: POST {ALIAS}", str(problem))]
    assert world.events("bob") == (refused if status == 403 else [])


def test_a_model_that_a_person_may_not_see_does_not_exist(world: World) -> None:
    client = world.browser(**bearer("bob"))
    answers = [client.post(ALIAS, json={**CHALLENGER, "name": name}) for name in ("tractor", "nothing")]
    assert [answer.status_code for answer in answers] == [404, 404]
    texts = [answer.json()["message"].replace("tractor", "nothing") for answer in answers]
    assert texts[0] == texts[1]
    assert world.done == []


def test_a_question_to_graphql_reaches_mlflow_whole(world: World) -> None:
    client = world.browser(**bearer("ann"))
    body = {"query": "{ mlflowGetRun { run { info { runId } } } }", "variables": {"a": "é"}}
    sent = client.build_request("POST", "/graphql", json=body)
    assert client.send(sent).text == "mlflow"
    assert world.answered[0][2] == sent.content
    assert client.post("/graphql", json={"query": "mutation { a }"}).status_code == 403
    assert client.post("/graphql", content=b"x" * 1_000_001).status_code == 400
    assert len(world.answered) == 1


# --- Another site's page ---


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.test"},
        {"origin": "http://mlflow.test:9999"},
        {"origin": "http://mlflow.test", "sec-fetch-site": "same-site"},
    ],
)
def test_another_sites_page_cannot_use_the_cookie(world: World, headers: dict[str, str]) -> None:
    browser = world.signed_in("bob")
    answer = browser.post(ALIAS, json=CHALLENGER, headers=headers)
    assert answer.status_code == 403
    assert "page that is not MLflow's" in answer.json()["message"]
    assert world.done == []
    assert [event for event, *_ in world.events("bob")] == [AuditEvent.REFUSED]
    assert browser.post(ALIAS, json=CHALLENGER, headers={"origin": "http://mlflow.test"}).status_code == 200


def test_another_port_of_this_machine_cannot_read_with_the_cookie(world: World) -> None:
    browser = world.signed_in("ann")
    fetched = {"origin": "http://mlflow.test:9999", "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}
    assert browser.get("/", headers=fetched).status_code == 403
    assert world.answered == []


def test_a_token_needs_no_page(world: World) -> None:
    answer = world.browser(**bearer("bob"), origin="http://evil.test").post(ALIAS, json=CHALLENGER)
    assert answer.status_code == 200


# --- Signing in ---


def begun(browser: httpx.Client, path: str = "/", **headers: str) -> str:
    """The state of a sign-in that a browser has begun."""
    answer = browser.get(path, headers={**PAGE, **headers})
    assert answer.status_code == 303
    return parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]


def come_back(browser: httpx.Client, **query: str) -> Any:
    return browser.get("/jinsu/callback", params=query)


def test_a_browser_signs_in_at_the_api_and_comes_back_to_where_it_was(world: World) -> None:
    browser = world.browser()
    answer = browser.get("/get-artifact?run_id=r&path=a", headers=PAGE)
    place = urlsplit(answer.headers["location"])
    query = parse_qs(place.query)
    assert (place.netloc, place.path, query["to"], query["next"]) == (
        "jinsu.test", "/login", ["mlflow"], ["/get-artifact?run_id=r&path=a"],
    )  # fmt: skip
    assert {"HttpOnly", "SameSite=lax", "Path=/jinsu/callback", "Max-Age=600"} <= flags(answer, "jinsu_mlflow_state")

    code = world.token("ann", TokenUse.MLFLOW_CODE)
    answer = come_back(browser, code=code, state=query["state"][0], next=query["next"][0])

    assert (answer.status_code, answer.headers["location"]) == (303, "/get-artifact?run_id=r&path=a")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= flags(answer, "jinsu_mlflow")
    assert "Secure" not in flags(answer, "jinsu_mlflow")
    assert browser.get("/").text == "mlflow"
    assert world.answered[0][0] == "ann"
    assert world.events("ann") == [(AuditEvent.SIGNED_IN, "ann", "mlflow")]
    assert "jinsu_mlflow_state" not in browser.cookies


def flags(answer: Any, cookie: str) -> set[str]:
    (found,) = [text for text in answer.headers.get_list("set-cookie") if text.startswith(f"{cookie}=")]
    return set(found.split("; ")[1:])


def test_cookies_are_secure_where_mlflow_is(world: World) -> None:
    secure = World(world.database, "https://mlflow.test")
    browser = secure.browser()
    answer = browser.get("/", headers=PAGE)
    assert "Secure" in flags(answer, "jinsu_mlflow_state")
    state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
    answer = come_back(browser, code=secure.token("ann", TokenUse.MLFLOW_CODE), state=state, next="/")
    assert "Secure" in flags(answer, "jinsu_mlflow")


def test_a_browser_takes_along_what_it_sends_to_no_server(world: World) -> None:
    """The pages of MLflow are told apart by what stands behind `#`."""
    browser = world.browser()
    answer = browser.get("/?a=</script><script>", headers={**PAGE, "sec-fetch-dest": "document"})
    assert answer.status_code == 200
    assert 'location.replace("http://jinsu.test/login?to=mlflow&state=' in answer.text
    assert "encodeURIComponent(location.hash)" in answer.text
    assert answer.text.count("<script>") == answer.text.count("</script>") == 1
    assert browser.cookies.get("jinsu_mlflow_state", path="/jinsu/callback")


def test_a_page_asks_a_script_for_nothing(world: World) -> None:
    assert world.browser().post(SEARCH, headers=PAGE).status_code == 401
    assert world.browser().get("/").status_code == 401


def test_a_sign_in_that_another_browser_began_is_not_completed(world: World) -> None:
    """Else a stranger could sign somebody in as the stranger, or use up a code that was not given to this browser."""
    code = world.token("ann", TokenUse.MLFLOW_CODE)
    stranger = begun(world.browser())
    browser = world.browser()
    assert come_back(browser, code=code, state=stranger, next="/").status_code == 400
    own = begun(browser)
    for query in ({"state": stranger}, {"state": ""}, {}, {"state": own + "x"}):
        answer = come_back(browser, code=code, next="/", **query)
        assert answer.status_code == 400
        assert "jinsu_mlflow=" not in answer.headers.get("set-cookie", "")
    assert come_back(browser, code=code, state=own, next="/").status_code == 303


def test_a_code_opens_one_session_and_nothing_else_does(world: World) -> None:
    code = world.token("ann", TokenUse.MLFLOW_CODE)
    late = world.token("ann", TokenUse.MLFLOW_CODE, lifetime=-2.0)
    others = [world.token("ann", use) for use in TokenUse if use is not TokenUse.MLFLOW_CODE]
    for wrong in (late, *others, "token of ann", ""):
        browser = world.browser()
        assert come_back(browser, code=wrong, state=begun(browser), next="/").status_code == 400
    statuses = []
    for _ in range(2):
        browser = world.browser()
        statuses.append(come_back(browser, code=code, state=begun(browser), next="/").status_code)
    assert statuses == [303, 400]


@pytest.mark.parametrize("after", ["//evil.test", "https://evil.test/", "/\\evil.test", "", "javascript:alert(1)"])
def test_nobody_is_led_to_another_site(world: World, after: str) -> None:
    browser = world.browser()
    answer = come_back(browser, code=world.token("ann", TokenUse.MLFLOW_CODE), state=begun(browser), next=after)
    assert answer.headers["location"] == "/"


def test_a_new_sign_in_ends_the_browsers_last_session(world: World) -> None:
    browser = world.browser()
    come_back(browser, code=world.token("ann", TokenUse.MLFLOW_CODE), state=begun(browser), next="/")
    first = browser.cookies["jinsu_mlflow"]
    state = begun(world.browser())
    browser.cookies.set("jinsu_mlflow_state", state)
    come_back(browser, code=world.token("bob", TokenUse.MLFLOW_CODE), state=state, next="/")
    assert browser.cookies["jinsu_mlflow"] != first
    assert world.browser(cookie=f"jinsu_mlflow={first}").get("/").status_code == 401


def test_signing_out_ends_the_session_at_once(world: World) -> None:
    browser = world.signed_in("ann")
    token = browser.cookies["jinsu_mlflow"]
    assert browser.get("/").status_code == 200
    answer = browser.get("/jinsu/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "http://jinsu.test/logout")
    assert "Max-Age=0" in flags(answer, "jinsu_mlflow")
    assert world.browser(cookie=f"jinsu_mlflow={token}").get("/").status_code == 401
    assert world.events("ann") == [(AuditEvent.SIGNED_OUT, "ann", "mlflow")]
    assert world.browser().get("/jinsu/logout").status_code == 303


# --- Bodies, on real connections ---


def test_a_body_of_nobody_is_not_read(world: World) -> None:
    with live(world.gate) as port:
        for path in (SEARCH, ALIAS, "/jinsu/callback", "/jinsu/logout"):
            with connection(port) as client:
                client.sendall(head("POST", path, "expect: 100-continue", "content-length: 1000", "connection: close"))
                answer = heard(client)
            assert b"100 Continue" not in answer, path
            assert answer.split()[1] in (b"303", b"400", b"401", b"403"), answer
    assert world.answered == []


def test_a_body_of_a_person_has_a_limit_and_a_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_gate, "_BODY_SECONDS", 0.4)
    shown = "authorization: Bearer token of ann"
    with live(world.gate) as port, connection(port) as slow, connection(port) as long:
        slow.sendall(head("POST", SEARCH, "content-length: 1000", "connection: close", shown) + b"{")
        answer = heard(slow)
        assert answer.split()[1] == b"503"
        assert b"too slowly" in answer
        long.sendall(head("POST", SEARCH, "transfer-encoding: chunked", "connection: close", shown))
        for _ in range(16):
            long.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        answer = heard(long)
        assert answer.split()[1] == b"400"
        assert b"larger than 1000000 bytes" in answer
    assert world.answered == []
