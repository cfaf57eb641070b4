"""A real Airflow knows Jinsu's people: who comes in, through which door, and what each of them may do."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from tests.support.fake_airflow import SECRET
from tests.support.real_airflow import RealAirflow, real_airflow
from tests.support.waiting import until

from jinsu.clients.airflow import PLATFORM, PLATFORM_CLAIM
from jinsu.clients.dag_ids import dag_of
from jinsu.identity import accounts, people, tokens
from jinsu.identity.sign_in import hand_over
from jinsu.state.states import Role, TokenUse

TEAM, OTHER = "shopping", "search"
DAG = dag_of(TEAM)
PASSWORD = "correct horse battery"
CODE = "3fa1c2d4" * 8
numbers = itertools.count()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    code = {
        "model": "titles",
        "problem": "categories",
        "digest": CODE,
        "by": "mira",
        "at": 1764000000.0,
        "params": {"lr": 0.1},
    }
    catalog = {"teams": {TEAM: {"problems": ["categories"], "codes": [code]}, OTHER: {}}}
    with real_airflow(tmp_path_factory.mktemp("airflow"), catalog) as found:
        with found.database.begin() as session:
            for team in (TEAM, OTHER):
                accounts.add_team(session, team, actor="test")
            for name in ("sam", "olga", "mira", "rita", "omar"):
                accounts.add_person(session, name, actor="test", password=PASSWORD)
            accounts.add_person(session, "ada", actor="test", admin=True)
            roles = {"mira": Role.RESEARCHER, "rita": Role.REVIEWER, "omar": Role.OWNER}
            for name, role in roles.items():
                accounts.set_role(session, name, TEAM, role, actor="test")
            accounts.set_role(session, "olga", OTHER, Role.OWNER, actor="test")
        yield found


@pytest.fixture
def browser(airflow: RealAirflow) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=airflow.url, timeout=30) as client:
        yield client


@pytest.fixture
def newcomer(airflow: RealAirflow) -> str:
    """A person whom no other test uses: a researcher of the team."""
    name = f"newcomer{next(numbers)}"
    with airflow.database.begin() as session:
        accounts.add_person(session, name, actor="test", password=PASSWORD)
        accounts.set_role(session, name, TEAM, Role.RESEARCHER, actor="test")
    return name


def api_token(airflow: RealAirflow, name: str) -> str:
    with airflow.database.begin() as session:
        return tokens.give(session, name, TokenUse.API, actor=name)


def client(airflow: RealAirflow, name: str) -> httpx.Client:
    """Airflow's REST API, as a person's program uses it."""
    answer = httpx.post(f"{airflow.url}/auth/token", json={"token": api_token(airflow, name)}, timeout=30)
    assert answer.status_code == 201, answer.text
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
    return httpx.Client(base_url=airflow.url, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def clients(airflow: RealAirflow) -> dict[str, httpx.Client]:
    return {name: client(airflow, name) for name in ("sam", "olga", "mira", "rita", "omar", "ada")}


# --- Signing in with a browser ---


@dataclass
class Begun:
    """A sign-in that waits for its person: where the browser was sent, and what the API sends back."""

    address: str
    state: str
    next: str


def begin(browser: httpx.Client, page: str = "/dags") -> Begun:
    answer = browser.get("/auth/login", params={"next": page})
    assert answer.status_code == 303
    address = answer.headers["location"]
    asked = parse_qs(urlsplit(address).query)
    return Begun(address, asked["state"][0], asked["next"][0])


def code_of(airflow: RealAirflow, name: str) -> str:
    """What the API gives to the browser of a person who has signed in there."""
    with airflow.database.begin() as session:
        person = people.find(session, name)
    assert person is not None
    return hand_over(airflow.database, person, TokenUse.AIRFLOW_CODE)


def come_back(browser: httpx.Client, begun: Begun, code: str) -> httpx.Response:
    return browser.get("/auth/callback", params={"code": code, "state": begun.state, "next": begun.next})


def sign_in(airflow: RealAirflow, browser: httpx.Client, name: str) -> None:
    assert come_back(browser, begin(browser), code_of(airflow, name)).status_code == 303


def me(browser: httpx.Client) -> Any:
    answer = browser.get("/ui/auth/me")
    return answer.json().get("username") if answer.is_success else answer.status_code


def test_a_page_leads_to_the_sign_in_and_the_sign_in_back_to_the_page(
    airflow: RealAirflow, browser: httpx.Client
) -> None:
    assert me(browser) == 401
    asked = browser.get("/api/v2/auth/login", params={"next": f"{airflow.url}/dags?tags=a"})
    assert urlsplit(asked.headers["location"]).path == "/auth/login"
    began = browser.get(asked.headers["location"])
    address = urlsplit(began.headers["location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{airflow.settings.api_url}/login"
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert query == {"to": "airflow", "state": query["state"], "next": "/dags?tags=a"}

    begun = Begun(began.headers["location"], query["state"], query["next"])
    answer = come_back(browser, begun, code_of(airflow, "mira"))

    assert (answer.status_code, answer.headers["location"]) == (303, "/dags?tags=a")
    assert me(browser) == "mira"
    cookies = [
        value.lower() for value in [*began.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]
    ]
    assert len(cookies) == 3
    assert all("httponly" in cookie and "samesite=lax" in cookie for cookie in cookies)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_a_code_of_somebody_elses_sign_in_signs_nobody_in(airflow: RealAirflow, browser: httpx.Client) -> None:
    """An attacker sends a victim the link that ends the attacker's own sign-in."""
    with httpx.Client(base_url=airflow.url) as attackers:
        begun = begin(attackers)
        code = code_of(airflow, "olga")
        for state in (begun.state, "", "x"):
            answer = come_back(browser, Begun("", state, "/"), code)
            assert answer.status_code == 400
            assert "began in another browser" in answer.text
        assert me(browser) == 401
        mine = begin(browser)
        assert come_back(browser, Begun("", begun.state, "/"), code).status_code == 400, (
            "a sign-in of mine has begun too"
        )
        assert come_back(browser, Begun("", f"{begun.state[:16]}{mine.state[16:]}", "/"), code).status_code == 400
        assert come_back(attackers, begun, code).status_code == 303, "no wrong state has used the code up"


def test_a_code_works_once(airflow: RealAirflow, browser: httpx.Client) -> None:
    begun, code = begin(browser), code_of(airflow, "mira")
    again = begin(browser)
    assert come_back(browser, begun, code).status_code == 303
    assert come_back(browser, begun, code).status_code == 400, "the sign-in has ended"
    answer = come_back(browser, again, code)
    assert answer.status_code == 403
    assert "used already" in answer.text


@pytest.mark.parametrize("use", [TokenUse.API, TokenUse.SESSION, TokenUse.MLFLOW_CODE, TokenUse.MLFLOW_SESSION])
def test_a_secret_for_another_door_is_no_code(airflow: RealAirflow, browser: httpx.Client, use: TokenUse) -> None:
    with airflow.database.begin() as session:
        secret = tokens.give(session, "mira", use, actor="mira")
    assert come_back(browser, begin(browser), secret).status_code == 403
    assert me(browser) == 401


def test_a_code_of_a_person_who_has_left_signs_nobody_in(
    airflow: RealAirflow, browser: httpx.Client, newcomer: str
) -> None:
    begun, code = begin(browser), code_of(airflow, newcomer)
    with airflow.database.begin() as session:
        accounts.remove_person(session, newcomer, actor="test")
    assert come_back(browser, begun, code).status_code == 403


def test_an_expired_code_signs_nobody_in(airflow: RealAirflow, browser: httpx.Client) -> None:
    with airflow.database.begin() as session:
        code = tokens.give(session, "mira", TokenUse.AIRFLOW_CODE, actor="mira", lifetime=-2.0)
    assert come_back(browser, begin(browser), code).status_code == 403


@pytest.mark.parametrize(
    "page", ["https://evil.example.org/", "//evil.example.org", "/\\evil.example.org", "javascript:alert(1)"]
)
def test_a_sign_in_leads_to_no_other_site(airflow: RealAirflow, browser: httpx.Client, page: str) -> None:
    assert begin(browser, page).next == "/"
    begun = begin(browser)
    begun.next = page  # whoever made the link that comes back
    assert come_back(browser, begun, code_of(airflow, "mira")).headers["location"] == "/"


def test_an_answer_shows_nothing_that_was_sent_as_a_page(browser: httpx.Client) -> None:
    answer = browser.get("/auth/callback", params={"state": "<script>", "code": "<script>", "next": "<script>"})
    assert answer.status_code == 400
    assert "<script>" not in answer.text


def test_signing_out_ends_the_token_here_and_the_session_at_the_api(
    airflow: RealAirflow, browser: httpx.Client
) -> None:
    sign_in(airflow, browser, "mira")
    stolen = browser.cookies["_token"]
    answer = browser.get("/api/v2/auth/logout")
    assert urlsplit(answer.headers["location"]).path == "/auth/logout"
    answer = browser.get(answer.headers["location"])
    assert answer.headers["location"] == f"{airflow.settings.api_url}/logout"
    assert me(browser) == 401
    headers = {"authorization": f"Bearer {stolen}"}
    assert httpx.get(f"{airflow.url}/ui/auth/me", headers=headers).status_code == 403


def test_who_leaves_or_loses_a_role_is_refused_within_seconds(
    airflow: RealAirflow, browser: httpx.Client, newcomer: str
) -> None:
    sign_in(airflow, browser, newcomer)
    path = f"/api/v2/dags/{DAG}"
    assert browser.get(path).is_success

    with airflow.database.begin() as session:
        accounts.set_role(session, newcomer, TEAM, None, actor="test")
    until(lambda: browser.get(path).status_code == 403, 40, "the DAG to be refused")
    assert me(browser) == newcomer

    with airflow.database.begin() as session:
        accounts.remove_person(session, newcomer, actor="test")
    until(lambda: me(browser) in (401, 403), 40, "the person to be refused")


def test_my_runs_and_my_teams_are_links(airflow: RealAirflow, browser: httpx.Client) -> None:
    for page in ("my-runs", "team-runs"):
        assert browser.get(f"/auth/{page}").headers["location"] == f"/auth/login?next=/auth/{page}"
    sign_in(airflow, browser, "mira")
    assert browser.get("/auth/my-runs").headers["location"] == "/dag_runs?triggering_user_name_pattern=mira"
    assert browser.get("/auth/team-runs").headers["location"] == f"/dags/{DAG}/runs"
    views = next(item for item in browser.get("/api/v2/plugins").json()["plugins"] if item["name"] == "jinsu_links")
    assert {view["name"]: view["href"] for view in views["external_views"]} == {
        "My runs": "/auth/my-runs",
        "Team runs": "/auth/team-runs",
    }


# --- Tokens of programs ---


def test_a_program_shows_an_api_token_or_a_password(airflow: RealAirflow, browser: httpx.Client) -> None:
    for shown in ({"token": api_token(airflow, "mira")}, {"username": "mira", "password": PASSWORD}):
        answer = browser.post("/auth/token", json=shown)
        assert answer.status_code == 201
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        assert browser.get("/ui/auth/me", headers=headers).json()["username"] == "mira"


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"token": ""},
        {"token": "jinsu_wrong"},
        {"username": "mira"},
        {"username": "mira", "password": "wrong password"},
        {"username": "ada", "password": ""},
        {"username": PLATFORM, "password": PASSWORD},
        {"username": "admin", "password": "admin"},
    ],
)
def test_whoever_shows_nothing_right_gets_no_token(browser: httpx.Client, shown: dict[str, str]) -> None:
    answer = browser.post("/auth/token", json=shown)
    assert answer.status_code == 401
    assert "access_token" not in answer.text


def test_a_revoked_token_opens_nothing(airflow: RealAirflow, browser: httpx.Client) -> None:
    token = api_token(airflow, "mira")
    with airflow.database.begin() as session:
        tokens.end(session, token)
    assert browser.post("/auth/token", json={"token": token}).status_code == 401


def test_passwords_cannot_be_tried_for_ever(browser: httpx.Client, newcomer: str) -> None:
    wrong = {"username": newcomer, "password": "wrong password"}
    answers = [browser.post("/auth/token", json=wrong).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    assert browser.post("/auth/token", json={**wrong, "password": PASSWORD}).status_code == 429


def test_nobody_else_makes_a_token(browser: httpx.Client) -> None:
    now = int(time.time())
    claims = {
        "sub": "ada", "auth_time": now, "iss": "jinsu", "aud": "apache-airflow", "iat": now, "nbf": now, "exp": now + 60, "jti": "1",
    }  # fmt: skip
    forged = {
        "another secret": jwt.encode(claims, SECRET[::-1], "HS512", {"kid": "not-used"}),
        "no signature": jwt.encode(claims, None, "none", {"kid": "not-used"}),
        "the platform's claim": jwt.encode(
            {**claims, PLATFORM_CLAIM: True}, SECRET[::-1], "HS512", {"kid": "not-used"}
        ),
        "a task's audience": jwt.encode(
            {**claims, "aud": "urn:airflow.apache.org:task"}, SECRET, "HS512", {"kid": "not-used"}
        ),
        "expired": jwt.encode({**claims, "exp": now - 60}, SECRET, "HS512", {"kid": "not-used"}),
    }
    for what, token in forged.items():
        answer = browser.get("/ui/auth/me", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code in (401, 403), what
    good = jwt.encode(claims, SECRET, "HS512", {"kid": "not-used"})
    assert browser.get("/ui/auth/me", headers={"authorization": f"Bearer {good}"}).is_success


def test_a_renewed_token_is_no_longer_than_the_session(airflow: RealAirflow) -> None:
    mira = client(airflow, "mira")
    renewed = mira.post("/ui/auth/token", json={"token_type": "api"}).json()["access_token"]
    claims = [
        jwt.decode(token, SECRET, ["HS512"], audience="apache-airflow")
        for token in (mira.headers["authorization"].removeprefix("Bearer "), renewed)
    ]
    assert claims[0]["auth_time"] == claims[1]["auth_time"]
    assert PLATFORM_CLAIM not in claims[1]


# --- What each of them may do ---


@dataclass(frozen=True)
class Door:
    """One thing that a person may try. {run} is a DAG run of the team that has failed, {open} one that asks a person."""

    what: str
    method: str
    path: str
    body: Any = None
    allowed: frozenset[str] = frozenset()


MEMBERS, OWNERS = frozenset({"mira", "rita", "omar"}), frozenset({"omar", "ada"})
READERS = MEMBERS | {"ada"}
DAG_PATH, RUN_PATH = f"/api/v2/dags/{DAG}", f"/api/v2/dags/{DAG}/dagRuns/{{run}}"
TASK_PATH = f"{RUN_PATH}/taskInstances/review"
CHOSEN = {"logical_date": None, "conf": {"code": CODE}}
POOL = {"name": "training", "slots": 9, "include_deferred": True}
BULK = {"actions": [{"action": "delete", "entities": [{"dag_run_id": "{run}", "dag_id": DAG}]}]}

DOORS = [
    Door("read the DAG", "GET", DAG_PATH, None, READERS),
    Door("read the form", "GET", f"{DAG_PATH}/details", None, READERS),
    Door("read a run", "GET", RUN_PATH, None, READERS),
    Door("read a task", "GET", TASK_PATH, None, READERS),
    Door("read a log", "GET", f"{RUN_PATH}/taskInstances/admit/logs/1", None, READERS),
    Door("read results", "GET", f"{RUN_PATH}/taskInstances/admit/xcomEntries", None, READERS),
    Door("read the DAG's log of changes", "GET", f"/api/v2/eventLogs?dag_id={DAG}", None, READERS),
    Door("trigger a run", "POST", f"{DAG_PATH}/dagRuns", CHOSEN, MEMBERS),
    Door("mark a run as failed", "PATCH", RUN_PATH, {"state": "failed"}, OWNERS),
    Door("mark a run as successful", "PATCH", RUN_PATH, {"state": "success"}, OWNERS),
    Door("note beside a run", "PATCH", RUN_PATH, {"note": "?"}, OWNERS),
    Door("clear a run", "POST", f"{RUN_PATH}/clear", {"dry_run": True}, OWNERS),
    Door("mark a task as successful", "PATCH", TASK_PATH, {"new_state": "success"}, OWNERS),
    Door("clear tasks", "POST", f"{DAG_PATH}/clearTaskInstances", {"dry_run": True, "dag_run_id": "{run}"}, OWNERS),
    Door("delete a run", "DELETE", RUN_PATH),
    Door("delete runs in bulk", "PATCH", f"{DAG_PATH}/dagRuns", BULK),
    Door("delete runs in bulk through no DAG", "PATCH", "/api/v2/dags/~/dagRuns", BULK),
    Door("delete a task", "DELETE", TASK_PATH),
    Door("delete the DAG", "DELETE", DAG_PATH),
    Door("pause the DAG", "PATCH", DAG_PATH, {"is_paused": True}),
    Door("pause every DAG", "PATCH", "/api/v2/dags?dag_id_pattern=~", {"is_paused": True}),
    Door("forge a result", "POST", f"{RUN_PATH}/taskInstances/admit/xcomEntries", {"key": "submission", "value": "x"}),
    Door("change a result", "PATCH", f"{RUN_PATH}/taskInstances/admit/xcomEntries/submission", {"value": "x"}),
    Door("delete a result", "DELETE", f"{RUN_PATH}/taskInstances/admit/xcomEntries/submission"),
    Door("run over a span of time", "POST", "/api/v2/backfills", {"dag_id": DAG, "from_date": "2025-01-01T00:00:00Z",
         "to_date": "2025-01-02T00:00:00Z"}, MEMBERS),
    Door("read connections", "GET", "/api/v2/connections", None, frozenset({"ada"})),
    Door("make a connection", "POST", "/api/v2/connections", {"connection_id": "x", "conn_type": "http"}, frozenset({"ada"})),
    Door("read variables", "GET", "/api/v2/variables", None, frozenset({"ada"})),
    Door("make a variable", "POST", "/api/v2/variables", {"key": "x", "value": "y"}, frozenset({"ada"})),
    Door("read pools", "GET", "/api/v2/pools", None, READERS | {"sam", "olga"}),
    Door("change a pool", "PATCH", "/api/v2/pools/training", POOL, frozenset({"ada"})),
    Door("read the configuration", "GET", "/api/v2/config", None, frozenset({"ada"})),
    Door("read jobs", "GET", "/api/v2/jobs", None, frozenset({"ada"})),
    Door("read all of the log of changes", "GET", "/api/v2/eventLogs", None, frozenset({"ada"})),
    Door("make an asset's event", "POST", "/api/v2/assets/events", {"asset_id": 1}, frozenset({"ada"})),
]  # fmt: skip


@pytest.fixture(scope="module")
def failed_run(airflow: RealAirflow) -> str:
    airflow.airflow.trigger("titles-failed", {}, team=TEAM)
    airflow.airflow.fail_run("titles-failed", team=TEAM)
    airflow.airflow.ensure_pool("training", 2)
    return "titles-failed"


def filled(value: Any, run: str) -> Any:
    """The value with `{run}` replaced everywhere."""
    if isinstance(value, dict):
        return {key: filled(inner, run) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, run) for inner in value]
    return value.replace("{run}", run) if isinstance(value, str) else value


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.what)
def test_a_door_opens_for_those_whose_role_allows_it(
    clients: dict[str, httpx.Client], failed_run: str, door: Door
) -> None:
    """Whoever is allowed may be told that the request makes no sense, but not that it is forbidden."""
    answers = {
        name: browser.request(door.method, filled(door.path, failed_run), json=filled(door.body, failed_run))
        for name, browser in clients.items()
    }
    passed = {name for name, answer in answers.items() if answer.status_code not in (401, 403)}
    if door.path == "/api/v2/config":  # the platform shows it to nobody
        passed |= {name for name, answer in answers.items() if "chose not to expose" in answer.text}
    assert passed == door.allowed, {name: answer.text[:200] for name, answer in answers.items()}
    assert all(answer.status_code < 500 for answer in answers.values())


def test_nobody_without_a_name_gets_through_any_door(airflow: RealAirflow, failed_run: str) -> None:
    with httpx.Client(base_url=airflow.url) as nobody:
        for door in DOORS:
            answer = nobody.request(door.method, filled(door.path, failed_run), json=filled(door.body, failed_run))
            assert answer.status_code == 401, door.what


def test_a_list_shows_a_persons_own_teams(clients: dict[str, httpx.Client], failed_run: str) -> None:
    seen = {
        name: {dag["dag_id"] for dag in browser.get("/api/v2/dags").json()["dags"]} for name, browser in clients.items()
    }
    everything = {DAG, dag_of(OTHER), "lifecycle"}
    assert seen == {
        "sam": set(),
        "olga": {dag_of(OTHER)},
        "mira": {DAG},
        "rita": {DAG},
        "omar": {DAG},
        "ada": everything,
    }


def test_no_page_tells_a_stranger_about_another_team(
    airflow: RealAirflow, clients: dict[str, httpx.Client], failed_run: str
) -> None:
    """Every page of Airflow's API, asked about the team by name, and about everybody."""
    airflow.ask(failed_run, "review", TEAM)
    public = clients["ada"].get("/openapi.json").json()["paths"]
    paths = [
        path for path, methods in public.items() if "get" in methods and "/auth/" not in path and "/wait" not in path
    ]
    paths += ["/ui/dags", "/ui/dependencies", "/ui/dashboard/dag_stats", "/ui/structure/structure_data?dag_id={dag_id}"]
    paths += ["/ui/grid/runs/{dag_id}", "/ui/grid/structure/{dag_id}", "/ui/backfills?dag_id={dag_id}"]
    paths += ["/ui/dags/{dag_id}/dagRuns/{dag_run_id}/deadlines", "/ui/dags/{dag_id}/latest_run"]
    paths += ["/ui/dashboard/historical_metrics_data?start_date=2020-01-01T00:00:00Z", "/ui/calendar/{dag_id}"]
    assert len(paths) > 70
    told: dict[str, str] = {}
    seen_by_a_member = 0
    for path, (dag, run) in itertools.product(paths, ((DAG, failed_run), ("~", "~"))):
        known = {"dag_id": dag, "dag_run_id": run, "run_id": run, "task_id": "review", "map_index": "-1"}
        numbers = dict.fromkeys(("try_number", "task_try_number", "version_number"), "1")
        address = path
        for name, value in {**known, **numbers}.items():
            address = address.replace(f"{{{name}}}", value)
        address = address.split("{")[0] if "{" in address else address
        for stranger in ("olga", "sam"):
            text = clients[stranger].get(address).text.replace(address, "")
            if f"{TEAM}" in text.replace(DAG, TEAM) and "was not found" not in text and "not found" not in text:
                told[f"{stranger}: {address}"] = text[:200]
        seen_by_a_member += f'"{DAG}"' in clients["mira"].get(address).text
    assert told == {}
    assert seen_by_a_member > 20, "the pages do tell a member"


def test_the_submitter_is_the_person_who_pressed_the_button(clients: dict[str, httpx.Client]) -> None:
    answer = clients["rita"].post(f"{DAG_PATH}/dagRuns", json=CHOSEN)
    assert answer.is_success, answer.text
    assert answer.json()["triggering_user_name"] == "rita"
    forged = clients["rita"].post(f"{DAG_PATH}/dagRuns", json={**CHOSEN, "triggering_user_name": "mira"})
    assert forged.status_code == 422


@pytest.mark.parametrize(
    ("conf", "sentence"),
    [
        ({"code": "0" * 64}, "is not one of"),
        ({"code": CODE, "titles.lr": "small"}, "'small' is not of type 'number', 'null'"),
        ({"code": CODE, "gpu": 99}, "99 is greater than the maximum of 16"),
        ({"code": CODE, "memory": "much"}, "'much' does not match"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_starts(
    clients: dict[str, httpx.Client], conf: dict[str, Any], sentence: str
) -> None:
    answer = clients["mira"].post(f"{DAG_PATH}/dagRuns", json={"logical_date": None, "conf": conf})
    assert answer.status_code == 400
    assert sentence in answer.json()["detail"]


def test_a_lifecycle_cannot_be_run_over_a_span_of_time(clients: dict[str, httpx.Client]) -> None:
    """Whoever may trigger a run may ask for it, as far as Airflow's rights go."""
    span = {"dag_id": DAG, "from_date": "2025-01-01T00:00:00Z", "to_date": "2025-01-03T00:00:00Z"}
    answer = clients["mira"].post("/api/v2/backfills", json=span)
    assert answer.status_code == 422
    assert "does not support backfills" in answer.text


def test_a_required_action_is_answered_by_a_reviewer_in_their_own_name(
    airflow: RealAirflow, clients: dict[str, httpx.Client]
) -> None:
    airflow.airflow.trigger("titles-asking", {}, team=TEAM)
    airflow.ask("titles-asking", "review", TEAM)
    path = f"{DAG_PATH}/dagRuns/titles-asking/taskInstances/review/-1/hitlDetails"
    answer = {"chosen_options": ["Ask for changes"], "params_input": {"reason": "too slow"}}
    for name in ("sam", "olga", "mira", "ada"):
        assert clients[name].patch(path, json=answer).status_code == 403, name
    assert clients["rita"].patch(path, json=answer).is_success
    found = clients["mira"].get(path).json()
    assert found["responded_by_user"] == {"id": "rita", "name": "rita"}
    assert found["params_input"] == {"reason": "too slow"}


# --- A run that waits while the form changes ---

CHECK = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.param import process_params
dag = DagBag(sys.argv[1]).dags[sys.argv[2]]
print(json.dumps([process_params(dag, task, json.loads(sys.argv[3]), suppress_exception=False) for task in dag.tasks]))
"""


def test_a_run_goes_on_when_the_form_no_longer_offers_what_was_chosen(airflow: RealAirflow) -> None:
    """Airflow checks a run's values before every task, against the form as it is then."""
    dags = airflow.environment["AIRFLOW__CORE__DAGS_FOLDER"]
    for conf in ('{"code": "gone", "titles.lr": "of another type now"}', '{"submission": "titles-1"}'):
        assert airflow.python(CHECK, dags, DAG, conf)
