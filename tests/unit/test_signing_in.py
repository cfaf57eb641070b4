"""Signing in and out in a browser and from a command line, and what attackers try there."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.answers import accepted
from tests.support.people_bench import AIRFLOW, API, MLFLOW, PASSWORD, PeopleBench

from jinsu.api import models
from jinsu.errors import ForbiddenError
from jinsu.identity import accounts, device, sign_in, tokens
from jinsu.identity.passwords import hashed
from jinsu.state import tables
from jinsu.state.states import AuditEvent, TokenUse

NAME_AND_PASSWORD = {"name": "minji", "password": PASSWORD}


@pytest.fixture(autouse=True, scope="module")
def cheap_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jinsu.identity.passwords._COST", 2**4)
        yield


@pytest.fixture
def bench(tmp_path: Path) -> PeopleBench:
    found = PeopleBench(tmp_path)
    found.person("minji", password=PASSWORD, churn="researcher")
    return found


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


# --- A token ---


def test_a_token_is_recognised_and_says_who_it_is(bench: PeopleBench) -> None:
    me = models.Me.model_validate_json(bench.ask("minji").get("/v1/me").content)
    assert (me.name, me.admin, dict(me.teams)) == ("minji", False, {"churn": "researcher"})
    assert me.token


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x", "Basic {}", "{}", "Bearer {} x", "Bearer  {}"])
def test_only_a_whole_valid_token_is_one(bench: PeopleBench, header: str) -> None:
    client, token = bench.ask(), bench.token("minji")
    assert client.get("/v1/me", headers={"authorization": f"bEARER {token}"}).status_code == 200
    refused = client.get("/v1/me", headers={"authorization": header.format(token)})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert "jinsu login" in refused.json()["error"]


def test_a_token_that_has_ended_opens_nothing(bench: PeopleBench) -> None:
    expired, revoked = bench.token("minji", lifetime=-5.0), bench.token("minji")
    with bench.database.begin() as session:
        tokens.end(session, revoked)
    for token in (expired, revoked):
        assert bench.ask().get("/v1/me", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_whoever_has_left_is_known_by_no_token_and_no_session(bench: PeopleBench) -> None:
    command_line, browser = bench.ask("minji"), bench.browser("minji")
    assert command_line.get("/v1/me").status_code == browser.get("/v1/me").status_code == 200
    with bench.database.begin() as session:
        accounts.remove_person(session, "minji", actor="root")
    assert command_line.get("/v1/me").status_code == browser.get("/v1/me").status_code == 401
    with bench.database.begin() as session:  # also after the person came back
        accounts.add_person(session, "minji", actor="root")
    assert command_line.get("/v1/me").status_code == browser.get("/v1/me").status_code == 401


@pytest.mark.parametrize("use", [use for use in TokenUse if use is not TokenUse.API])
def test_what_opens_another_door_is_no_bearer_token(bench: PeopleBench, use: TokenUse) -> None:
    token = bench.token("minji", use)
    assert bench.ask().get("/v1/me", headers={"authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("use", [use for use in TokenUse if use is not TokenUse.SESSION])
def test_what_opens_another_door_is_no_session(bench: PeopleBench, use: TokenUse) -> None:
    browser = bench.browser()
    browser.cookies.set("jinsu_session", bench.token("minji", use), domain="127.0.0.1")
    assert browser.get("/v1/me").status_code == 401


def test_a_wrong_token_is_not_replaced_by_the_session(bench: PeopleBench) -> None:
    assert bench.browser("minji").get("/v1/me", headers={"authorization": "Bearer x"}).status_code == 401


def test_only_digests_are_kept(bench: PeopleBench) -> None:
    given = [bench.token("minji", use) for use in TokenUse]
    begun = bench.ask().post("/v1/login/device", json={}).json()
    secrets = [*given, PASSWORD, begun["device_code"], begun["user_code"]]
    kept = repr([vars(row) for kind in (tables.Token, tables.Account, tables.SignInRequest, tables.AuditEntry)
                 for row in bench.rows(kind)])  # fmt: skip
    assert [secret for secret in secrets if secret in kept] == []


# --- A session in a browser ---


SITES = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},  # another port of this host, such as MLflow's
    {"sec-fetch-site": "none"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": MLFLOW},
    {"origin": f"{API}.evil.example"},
    {"sec-fetch-site": "cross-site", "origin": API},
    {},
)


@pytest.mark.parametrize("headers", SITES)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/tokens"), ("DELETE", "/v1/tokens/x"), ("PUT", "/v1/users/minji/password")]
)
def test_another_site_changes_nothing_with_the_session(
    bench: PeopleBench, headers: dict[str, str], method: str, path: str
) -> None:
    browser = bench.browser("minji")
    del browser.headers["sec-fetch-site"]
    refused = browser.request(method, path, json={"label": "evil"}, headers=headers)
    assert refused.status_code in (403, 422)
    if path == "/v1/tokens":
        assert refused.status_code == 403
        assert "only from Jinsu's own pages" in refused.json()["error"]
    assert [row.label for row in bench.rows(tables.Token) if row.use is TokenUse.API] == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": API}])
def test_the_apis_own_pages_may_use_the_session(bench: PeopleBench, headers: dict[str, str]) -> None:
    browser = bench.browser("minji")
    del browser.headers["sec-fetch-site"]
    assert browser.post("/v1/tokens", json={"label": "mine"}, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", SITES)
@pytest.mark.parametrize("path", ["/login", "/logout", "/login/device"])
def test_another_site_sends_no_form(bench: PeopleBench, path: str, headers: dict[str, str]) -> None:
    """Signed in as somebody else without noticing, a person would work in an attacker's name."""
    browser = bench.browser("minji")
    del browser.headers["sec-fetch-site"]
    code = device.begin(bench.database, "evil").user
    form = {**NAME_AND_PASSWORD, "code": code, "answer": "allow"}
    refused = browser.post(path, data=form, headers=headers)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert browser.get("/v1/me").status_code == 200
    assert bench.rows(tables.SignInRequest)[0].person is None


def test_signing_in_gives_a_session_that_scripts_cannot_read(bench: PeopleBench) -> None:
    browser = bench.browser()
    signed_in = browser.post("/login", data=NAME_AND_PASSWORD)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/login")
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie
    assert browser.get("/v1/me").json()["name"] == "minji"
    page = browser.get("/login").text
    assert "You are signed in as minji" in page
    assert "researcher of churn" in page
    assert bench.audited(AuditEvent.SIGNED_IN) == [("minji", "minji", "browser")]


def test_the_session_of_an_encrypted_address_travels_encrypted(tmp_path: Path) -> None:
    bench = PeopleBench(tmp_path, public={"api": "https://jinsu.example.com"})
    bench.person("minji", password=PASSWORD)
    assert "secure" in bench.browser().post("/login", data=NAME_AND_PASSWORD).headers["set-cookie"].lower()


def test_signing_in_ends_the_session_before(bench: PeopleBench) -> None:
    browser = bench.browser("minji")
    former = browser.cookies["jinsu_session"]
    browser.post("/login", data=NAME_AND_PASSWORD)
    assert tokens.recognise(bench.database, former, TokenUse.SESSION) is None


def test_signing_out_ends_this_session_and_mlflows(bench: PeopleBench) -> None:
    browser, other = bench.browser(), bench.browser("minji")
    browser.post("/login", data=NAME_AND_PASSWORD)
    session, mlflow = browser.cookies["jinsu_session"], bench.token("minji", TokenUse.MLFLOW_SESSION)
    assert browser.post("/logout").headers["location"] == "/login"
    assert "jinsu_session" not in browser.cookies
    for token, use in ((session, TokenUse.SESSION), (mlflow, TokenUse.MLFLOW_SESSION)):
        assert tokens.recognise(bench.database, token, use) is None
    assert other.get("/v1/me").status_code == 200
    assert bench.audited(AuditEvent.SIGNED_OUT) == [("minji", "minji", "browser")]


def test_a_new_password_ends_every_session(bench: PeopleBench) -> None:
    browser, command_line = bench.browser("minji"), bench.ask("minji")
    body = {"password": "another password", "current": PASSWORD}
    assert command_line.put("/v1/users/minji/password", json=body).status_code == 200
    assert browser.get("/v1/me").status_code == 401
    assert command_line.get("/v1/me").status_code == 200


# --- Passwords ---


@pytest.mark.parametrize("form", [
    {"name": "minji", "password": "wrong"}, {"name": "nobody", "password": PASSWORD}, {"name": "", "password": ""},
    {}, {"name": "min\0ji", "password": "\0"}, {"name": "minji\r\n", "password": PASSWORD}, {"name": "é" * 5000},
])  # fmt: skip
def test_a_wrong_password_gives_the_form_again(bench: PeopleBench, form: dict[str, str]) -> None:
    refused = bench.browser().post("/login", data=form)
    assert refused.status_code in (403, 422)
    assert "set-cookie" not in refused.headers
    assert "name or password is wrong" in refused.text or "cannot be read" in refused.text or "larger" in refused.text
    assert "wrong" not in repr(bench.audited(AuditEvent.SIGN_IN_REFUSED))


def test_what_was_typed_is_shown_nowhere(bench: PeopleBench) -> None:
    typed = {"name": "<script>alert(1)</script>", "password": "<b>secret</b>"}
    page = bench.browser().post("/login", data=typed).text
    assert "<script" not in page
    assert "secret" not in page


@pytest.mark.parametrize("door", ["browser", "command line"])
def test_guessing_is_stopped_after_ten_wrong_passwords(bench: PeopleBench, door: str) -> None:
    def guess(password: str) -> Any:
        pair = {"name": "minji", "password": password}
        return (
            bench.browser().post("/login", data=pair) if door == "browser" else bench.ask().post("/v1/login", json=pair)
        )

    assert {guess(f"wrong {number}").status_code for number in range(10)} == {403}
    stopped = guess(PASSWORD)
    assert stopped.status_code == 503
    assert stopped.headers["retry-after"] == "600"
    bench.person("joon", password=PASSWORD)
    assert bench.ask().post("/v1/login", json={"name": "joon", "password": PASSWORD}).status_code == 200


def test_guessing_together_is_stopped_too(bench: PeopleBench) -> None:
    def guess(number: int) -> int:
        return int(bench.ask().post("/v1/login", json={"name": "minji", "password": f"wrong {number}"}).status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(40)))
    assert answers.count(403) < 20
    assert bench.ask().post("/v1/login", json=NAME_AND_PASSWORD).status_code == 503


def test_a_password_gives_a_command_line_its_token(bench: PeopleBench) -> None:
    given = bench.ask().post("/v1/login", json={**NAME_AND_PASSWORD, "label": "laptop\x1b[2J"}).json()
    assert given["label"] == "laptop�[2J"
    assert given["expires"] == pytest.approx(time.time() + 90 * 86400, abs=60)
    me = bench.ask().get("/v1/me", headers={"authorization": f"Bearer {given['token']}"}).json()
    assert (me["name"], me["token"]) == ("minji", given["id"])


def test_a_platform_without_local_accounts_takes_no_password(tmp_path: Path) -> None:
    bench = PeopleBench(tmp_path, local_accounts=False)
    bench.person("minji", password=PASSWORD)
    bench.person("root", admin=True)
    assert bench.ask().post("/v1/login", json=NAME_AND_PASSWORD).status_code == 403
    assert bench.browser().post("/login", data=NAME_AND_PASSWORD).status_code == 403
    assert 'name="password"' not in bench.browser().get("/login").text
    assert bench.ask("root").put("/v1/users/minji/password", json={"password": PASSWORD}).status_code == 403
    assert bench.ask().get("/v1/login").json() == {"local_accounts": False, "identity_provider": False}


def test_a_password_takes_as_long_for_a_name_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from jinsu.identity import passwords

    hashed_times = []
    real = passwords._scrypt
    monkeypatch.setattr(passwords, "_scrypt", lambda *given: hashed_times.append(given[2]) or real(*given))
    passwords.matches("x", None)
    passwords.matches("x", hashed("a long password"))
    assert len(set(hashed_times[1:])) == 1


# --- From one door to another ---


@pytest.mark.parametrize(("door", "address", "use"), [
    ("airflow", f"{AIRFLOW}/auth/callback", TokenUse.AIRFLOW_CODE),
    ("mlflow", f"{MLFLOW}/jinsu/callback", TokenUse.MLFLOW_CODE),
])  # fmt: skip
def test_a_door_gets_a_code_that_opens_it_once(bench: PeopleBench, door: str, address: str, use: TokenUse) -> None:
    browser, state = bench.browser(), "a&b=c/ü".encode().hex() + "+/="
    page = browser.get("/login", params={"to": door, "state": state, "next": "/dags"})
    carried = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert carried == {"to": door, "state": state}
    sent = browser.post("/login", data={**NAME_AND_PASSWORD, **carried}).headers["location"]
    assert sent.partition("?")[0] == address
    assert query(sent)["state"] == state
    assert query(sent).keys() == {"code", "state"}

    code = query(sent)["code"]
    other = TokenUse.MLFLOW_CODE if use is TokenUse.AIRFLOW_CODE else TokenUse.AIRFLOW_CODE
    assert tokens.redeem(bench.database, code, other) is None  # a code for another door
    person = tokens.redeem(bench.database, code, use)
    assert person is not None
    assert person.name == "minji"
    assert tokens.redeem(bench.database, code, use) is None  # a code used twice
    assert bench.ask().get("/v1/me", headers={"authorization": f"Bearer {code}"}).status_code == 401


def test_who_is_signed_in_goes_through_at_once_with_a_new_code(bench: PeopleBench) -> None:
    browser = bench.browser("minji")
    sent = [browser.get("/login?to=airflow&state=s").headers["location"] for _ in range(2)]
    assert len({query(address)["code"] for address in sent}) == 2


def test_a_code_ends_after_a_minute_and_leaves_no_row(bench: PeopleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = bench.browser("minji")
    code = query(browser.get("/login?to=airflow&state=s").headers["location"])["code"]
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert tokens.redeem(bench.database, code, TokenUse.AIRFLOW_CODE) is None
    browser.get("/login?to=airflow&state=s")
    assert len([row for row in bench.rows(tables.Token) if row.use is TokenUse.AIRFLOW_CODE]) == 1


def test_one_code_redeemed_by_many_opens_one_door(bench: PeopleBench) -> None:
    with bench.database.begin() as session:
        from jinsu.identity.people import find

        person = find(session, "minji")
    assert person is not None
    code = sign_in.hand_over(bench.database, person, TokenUse.AIRFLOW_CODE)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: tokens.redeem(bench.database, code, TokenUse.AIRFLOW_CODE), range(8)))
    assert len([person for person in found if person is not None]) == 1


@pytest.mark.parametrize("to", ["http://evil.example", "//evil.example", "api", "Airflow", "endpoint"])
def test_there_are_two_doors_and_no_others(bench: PeopleBench, to: str) -> None:
    for browser in (bench.browser(), bench.browser("minji")):
        assert browser.get("/login", params={"to": to, "state": "s"}).status_code == 422
        assert browser.get("/login/oidc", params={"to": to, "state": "s"}).status_code == 422
        refused = browser.post("/login", data={**NAME_AND_PASSWORD, "to": to, "state": "s"})
        assert refused.status_code == 422


@pytest.mark.parametrize("state", ["", "x" * 513, "a b", "a\nb", "é"])
def test_a_door_sends_a_state(bench: PeopleBench, state: str) -> None:
    assert bench.browser("minji").get("/login", params={"to": "airflow", "state": state}).status_code == 422


ELSEWHERE = (
    "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/login/../..//evil.example",
    "javascript:alert(1)", "/login/device@evil.example", "/%0d%0aset-cookie:x=1", "/login/device?code=a\r\nx: y",
    " //evil.example", "/login/device/..//evil.example", "/v1/me", "/login", "/.//evil.example",
)  # fmt: skip


@pytest.mark.parametrize("page", ELSEWHERE)
def test_nobody_is_sent_elsewhere_after_signing_in(bench: PeopleBench, page: str) -> None:
    shown = bench.browser().get("/login", params={"next": page})
    assert "evil" not in shown.text
    sent = bench.browser().post("/login", data={**NAME_AND_PASSWORD, "next": page})
    assert sent.headers["location"] == "/login"
    at_once = bench.browser("minji").get("/login", params={"next": page})
    assert "location" not in at_once.headers


def test_a_page_is_alone_and_kept_by_nobody(bench: PeopleBench) -> None:
    code = device.begin(bench.database, "laptop").user
    for browser, path in ((bench.browser(), "/login"), (bench.browser("minji"), f"/login/device?code={code}")):
        page = browser.get(path)
        policy = page.headers["content-security-policy"]
        assert page.status_code == 200
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert f"form-action 'self' {AIRFLOW} {MLFLOW};" in policy or "form-action 'self';" in policy
        assert page.headers["cache-control"] == "no-store"
        assert "<script" not in page.text
        assert re.findall(r'(?:src|href)="(https?://[^"]*)"', page.text) == []
        (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        import base64
        import hashlib

        assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy


# --- A command line through a browser ---


def test_a_command_line_gets_its_token_after_the_person_confirmed(bench: PeopleBench) -> None:
    command_line = bench.ask()
    begun = command_line.post("/v1/login/device", json={"label": "minji-laptop"}).json()
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", begun["user_code"])
    assert begun["url"] == f"{API}/login/device?code={begun['user_code']}"

    def poll() -> Any:
        return command_line.post("/v1/login/device/token", json={"device_code": begun["device_code"]})

    assert poll().json() == {"state": "waiting", "token": None}
    browser = bench.browser()
    path = begun["url"].removeprefix(API)
    to_sign_in = browser.get(path).headers["location"]
    assert query(to_sign_in) == {"next": path}
    back = browser.post("/login", data={**NAME_AND_PASSWORD, **query(to_sign_in)}).headers["location"]
    assert back == path
    page = browser.get(back).text
    assert begun["user_code"] in page
    assert "minji-laptop" in page
    assert poll().json()["state"] == "waiting"  # looking is no consent
    confirmed = browser.post("/login/device", data={"code": begun["user_code"].lower(), "answer": "allow"})
    assert "acts as minji" in confirmed.text

    answer = poll().json()
    assert answer["state"] == "confirmed"
    given = answer["token"]
    assert (given["person"], given["label"]) == ("minji", "minji-laptop")
    assert bench.ask().get("/v1/me", headers={"authorization": f"Bearer {given['token']}"}).json()["name"] == "minji"
    assert poll().status_code == 403  # the token comes once
    assert browser.get(path).status_code == 404
    assert bench.audited(AuditEvent.TOKEN_MADE) == [("minji", "minji", "minji-laptop")]


def test_a_refused_command_line_gets_nothing(bench: PeopleBench) -> None:
    begun = bench.ask().post("/v1/login/device", json={}).json()
    bench.browser("minji").post("/login/device", data={"code": begun["user_code"], "answer": "refuse"})
    poll = bench.ask().post("/v1/login/device/token", json={"device_code": begun["device_code"]})
    assert poll.status_code == 403
    assert "refused" in poll.json()["error"]


def test_a_code_is_confirmed_by_one_person_once(bench: PeopleBench) -> None:
    bench.person("eve")
    begun = bench.ask().post("/v1/login/device", json={}).json()
    form = {"code": begun["user_code"], "answer": "allow"}
    assert bench.browser("minji").post("/login/device", data=form).status_code == 200
    assert bench.browser("eve").post("/login/device", data=form).status_code == 404
    poll = bench.ask().post("/v1/login/device/token", json={"device_code": begun["device_code"]})
    assert poll.json()["token"]["person"] == "minji"


def test_a_sign_in_that_nobody_confirms_ends(bench: PeopleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = bench.ask().post("/v1/login/device", json={}).json()
    browser = bench.browser("minji")
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert browser.get("/login/device", params={"code": begun["user_code"]}).status_code == 404
    body = {"device_code": begun["device_code"]}
    assert "ten minutes" in bench.ask().post("/v1/login/device/token", json=body).json()["error"]
    bench.ask().post("/v1/login/device", json={})
    assert len(bench.rows(tables.SignInRequest)) == 1


def test_a_person_who_left_before_the_command_line_asked_gives_no_token(bench: PeopleBench) -> None:
    begun = bench.ask().post("/v1/login/device", json={}).json()
    bench.browser("minji").post("/login/device", data={"code": begun["user_code"], "answer": "allow"})
    with bench.database.begin() as session:
        accounts.remove_person(session, "minji", actor="root")
    poll = bench.ask().post("/v1/login/device/token", json={"device_code": begun["device_code"]})
    assert poll.status_code == 403


@pytest.mark.parametrize("code", ["", "x", "user", "\ud800"])
def test_only_the_long_code_fetches_the_token(bench: PeopleBench, code: str) -> None:
    begun = device.begin(bench.database, "laptop")
    body = {"device_code": begun.user if code == "user" else code}
    answer = bench.ask().post("/v1/login/device/token", content=repr(body).replace("'", '"'))
    assert answer.status_code in (403, 422)


def test_many_who_fetch_the_token_get_one(bench: PeopleBench) -> None:
    begun = device.begin(bench.database, "laptop")
    device.answer(bench.database, begun.user, "minji", True)

    def fetch(_: int) -> bool:
        body = {"device_code": begun.device}
        return bool(bench.ask().post("/v1/login/device/token", json=body).status_code == 200)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(fetch, range(8))) == 1


def test_a_flood_of_command_lines_is_refused(bench: PeopleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_MOST_WAITING", 2)
    answers = [bench.ask().post("/v1/login/device", json={}).status_code for _ in range(3)]
    assert answers == [200, 200, 503]


def test_a_label_is_shown_as_text(bench: PeopleBench) -> None:
    begun = bench.ask().post("/v1/login/device", json={"label": "<img src=x onerror=alert(1)>\x1b"}).json()
    page = bench.browser("minji").get("/login/device", params={"code": begun["user_code"]}).text
    assert "<img" not in page
    assert "&lt;img" in page


def test_names_that_nobody_has_do_not_fill_the_audit_log(bench: PeopleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever guesses names could have made the log as long as they liked."""
    monkeypatch.setattr(
        "jinsu.identity.sign_in.matches", lambda password, kept: kept is not None and password == PASSWORD
    )
    bench.person("hana", password=PASSWORD)
    for number in range(230):
        with pytest.raises(ForbiddenError):
            sign_in.with_password(bench.database, f"stranger-{number}", "a wrong password", "api")
    with pytest.raises(ForbiddenError):
        sign_in.with_password(bench.database, "hana", "a wrong password", "api")
    refused = [row for row in bench.rows(tables.AuditEntry) if row.event is AuditEvent.SIGN_IN_REFUSED]
    assert len(refused) == 201
    assert refused[-1].subject == "hana"
    assert sign_in.with_password(bench.database, "hana", PASSWORD, "api").name == "hana"


def test_airflow_and_mlflow_send_a_person_who_signs_out_to_a_page_with_a_button(bench: PeopleBench) -> None:
    """They answered 405 there. Only the button ends the session: another site can open the address, not press it."""
    browser = bench.browser("minji")
    page = browser.get("/logout")
    assert page.status_code == 200
    assert "signed in as minji" in page.text
    assert accepted(browser.get("/v1/me"), models.Me).name == "minji"
    assert browser.post("/logout", headers={"sec-fetch-site": "same-origin"}).status_code == 303
    assert browser.get("/v1/me").status_code == 401
    assert browser.get("/logout").headers["location"] == "/login"
