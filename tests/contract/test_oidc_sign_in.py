"""Signing in at a real OpenID provider, and what attackers and forged answers try on the way back."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.support.oidc_provider import Client, NotInstalled, OidcProvider, Person, install
from tests.support.oidc_provider import sign_in as at_provider
from tests.support.people_bench import AIRFLOW, API, PASSWORD, PeopleBench

from jinsu.errors import ForbiddenError, TransientError
from jinsu.identity import accounts, tokens
from jinsu.identity.oidc import Attempt, Provider
from jinsu.settings import GroupRole, Oidc
from jinsu.state import tables
from jinsu.state.states import AuditEvent, Role, TokenUse

BACK = f"{API}/login/oidc/callback"
SECRET = "a secret/with:signs+that%need=care"
MINA = Person("mina", "one+two three", ("ml-churn", "ml-fraud"), "s-mina")
GROUPS = {
    "ml-churn": GroupRole("churn", "researcher"),
    "ml-churn-leads": GroupRole("churn", "owner"),
    "ml-fraud": GroupRole("fraud", "reviewer"),
}


@pytest.fixture(scope="module")
def installed() -> None:
    try:
        install()
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def provider(installed: None) -> Iterator[OidcProvider]:
    with OidcProvider([MINA], [Client("jinsu", (BACK,), SECRET)]) as running:
        yield running


@pytest.fixture
def people(provider: OidcProvider) -> Iterator[Callable[..., None]]:
    """Changes who is at the provider, until the test ends."""
    yield lambda *people: provider.set_people(people)
    provider.set_people([MINA])


def settings_for(provider: OidcProvider, **more: Any) -> Oidc:
    return Oidc(**{"issuer": provider.issuer, "client_id": "jinsu", "client_secret": SECRET, "groups": GROUPS, **more})


@pytest.fixture
def bench(provider: OidcProvider, tmp_path: Path) -> PeopleBench:
    return PeopleBench(tmp_path, oidc=settings_for(provider, admins=("platform",)))


def come_back(browser: httpx.Client, person: Person = MINA, **query: str) -> httpx.Response:
    """Signs in at the provider and brings its answer back to the API."""
    leaving = browser.get("/login/oidc", params=query)
    assert leaving.status_code == 303, leaving.text
    with httpx.Client() as at:
        back = at_provider(at, leaving.headers["location"], person.name, person.password)
    return browser.get(back.removeprefix(API))


# --- What it gives ---


def test_a_person_of_the_provider_gets_an_account_with_the_roles_of_the_groups(bench: PeopleBench) -> None:
    browser = bench.browser()
    assert "organisation" in browser.get("/login").text
    assert come_back(browser).headers["location"] == "/login"
    me = browser.get("/v1/me").json()
    assert (me["name"], me["admin"]) == ("mina", False)
    assert me["teams"] == {"churn": "researcher", "fraud": "reviewer"}
    (account,) = bench.rows(tables.Account)
    assert account.subject == f"{bench.settings.oidc.issuer}|s-mina"  # type: ignore[union-attr]
    assert account.password is None
    assert bench.audited(AuditEvent.PERSON_ADDED) == [("jinsu", "mina", account.subject)]
    assert bench.audited(AuditEvent.SIGNED_IN) == [("mina", "mina", "browser")]
    assert sorted(subject for _, subject, _ in bench.audited(AuditEvent.MEMBER_CHANGED)) == [
        "mina in churn", "mina in fraud",
    ]  # fmt: skip


def test_signing_in_for_a_door_ends_at_that_door(bench: PeopleBench) -> None:
    sent = come_back(bench.browser(), to="airflow", state="s t".replace(" ", "+")).headers["location"]
    assert sent.startswith(f"{AIRFLOW}/auth/callback?")
    given = dict(parse_qsl(urlsplit(sent).query))
    assert given["state"] == "s+t"
    person = tokens.redeem(bench.database, given["code"], TokenUse.AIRFLOW_CODE)
    assert person is not None
    assert person.name == "mina"


def test_a_command_line_signs_in_through_the_provider(bench: PeopleBench) -> None:
    assert bench.ask().get("/v1/login").json() == {"local_accounts": True, "identity_provider": True}
    begun = bench.ask().post("/v1/login/device", json={"label": "laptop"}).json()
    browser = bench.browser()
    path = begun["url"].removeprefix(API)
    to_sign_in = dict(parse_qsl(urlsplit(browser.get(path).headers["location"]).query))
    assert come_back(browser, **to_sign_in).headers["location"] == path
    browser.post("/login/device", data={"code": begun["user_code"], "answer": "allow"})
    poll = bench.ask().post("/v1/login/device/token", json={"device_code": begun["device_code"]})
    assert poll.json()["token"]["person"] == "mina"


def test_roles_follow_the_groups_at_the_next_sign_in(bench: PeopleBench, people: Callable[..., None]) -> None:
    come_back(bench.browser())
    with bench.database.begin() as session:  # what an administrator gave here stays
        accounts.ensure_team(session, "shopping", actor="root")
        accounts.set_role(session, "mina", "shopping", Role.RESEARCHER, actor="root")
    people(replace(MINA, groups=("ml-churn", "ml-churn-leads", "others", "platform")))
    browser = bench.browser()
    come_back(browser)
    me = browser.get("/v1/me").json()
    assert me["teams"] == {"churn": "owner", "shopping": "researcher"}  # the higher of two groups; fraud is gone
    assert me["admin"]
    bench.person("root", admin=True)
    people(MINA)
    come_back(bench.browser())
    assert not browser.get("/v1/me").json()["admin"]
    assert [detail for _, _, detail in bench.audited(AuditEvent.ADMIN_CHANGED)] == ["given", "taken"]


def test_the_groups_do_not_take_the_last_administrator(bench: PeopleBench, people: Callable[..., None]) -> None:
    people(replace(MINA, groups=("platform",)))
    come_back(bench.browser())
    people(MINA)
    browser = bench.browser()
    come_back(browser)
    assert browser.get("/v1/me").json()["admin"]


def test_without_groups_of_administrators_the_installation_decides(provider: OidcProvider, tmp_path: Path) -> None:
    bench = PeopleBench(tmp_path, oidc=settings_for(provider))
    browser = bench.browser()
    come_back(browser)
    with bench.database.begin() as session:
        accounts.set_admin(session, "mina", True, actor="root")
    come_back(browser)
    assert browser.get("/v1/me").json()["admin"]


def test_groups_that_only_userinfo_knows_are_asked_for(installed: None, tmp_path: Path) -> None:
    with OidcProvider([MINA], [Client("jinsu", (BACK,), SECRET)], groups_in_id_token=False) as provider:
        bench = PeopleBench(tmp_path, oidc=settings_for(provider))
        browser = bench.browser()
        come_back(browser)
        assert browser.get("/v1/me").json()["teams"] == {"churn": "researcher", "fraud": "reviewer"}


def test_a_public_client_needs_no_secret(installed: None, tmp_path: Path) -> None:
    with OidcProvider([MINA], [Client("jinsu", (BACK,))]) as provider:
        bench = PeopleBench(tmp_path, oidc=settings_for(provider, client_secret=""))
        assert come_back(bench.browser()).headers["location"] == "/login"


def test_new_signing_keys_are_found(installed: None, tmp_path: Path) -> None:
    with OidcProvider([MINA], [Client("jinsu", (BACK,), SECRET)]) as provider:
        bench = PeopleBench(tmp_path, oidc=settings_for(provider))
        for _ in range(2):
            assert come_back(bench.browser()).status_code == 303
            provider.stop()
            provider.start()


# --- Whom it refuses ---


def refused(answer: httpx.Response, *words: str, status: int = 403) -> None:
    assert answer.status_code == status, answer.text
    assert "jinsu_session" not in answer.headers.get("set-cookie", "")
    for word in words:
        assert word in answer.text


def test_a_local_account_of_the_same_name_is_not_taken(bench: PeopleBench, people: Callable[..., None]) -> None:
    bench.person("root", admin=True, password=PASSWORD)
    impostor = Person("root", "x", ("ml-churn", "platform"), "s-impostor")
    people(impostor)
    refused(come_back(bench.browser(), impostor), "is the name of another account", "jinsu user link root s-impostor")
    assert {(row.name, row.subject) for row in bench.rows(tables.Account)} == {("root", None)}
    assert bench.roles("root") == {}
    assert len(bench.audited(AuditEvent.SIGN_IN_REFUSED)) == 1
    assert bench.audited(AuditEvent.SIGN_IN_REFUSED)[0][1].endswith("|s-impostor")


def test_another_person_of_the_same_name_does_not_inherit_an_account(
    bench: PeopleBench, people: Callable[..., None]
) -> None:
    come_back(bench.browser())
    namesake = Person("mina", "y", ("ml-churn",), "s-another")
    people(namesake)
    refused(come_back(bench.browser(), namesake), "is the name of another account")


def test_a_person_who_was_renamed_keeps_the_account(bench: PeopleBench, people: Callable[..., None]) -> None:
    come_back(bench.browser())
    renamed = replace(MINA, name="mina.kim")
    people(renamed)
    browser = bench.browser()
    come_back(browser, renamed)
    assert browser.get("/v1/me").json()["name"] == "mina"


def test_whoever_was_removed_here_does_not_come_back_by_signing_in(bench: PeopleBench) -> None:
    bench.person("root", admin=True)
    come_back(bench.browser())
    with bench.database.begin() as session:
        accounts.remove_person(session, "mina", actor="root")
    refused(come_back(bench.browser()), "has left this platform", "jinsu user add mina")
    root = bench.ask("root")
    root.post("/v1/users", json={"name": "mina"})
    refused(come_back(bench.browser()), "another account")
    assert root.put("/v1/users/mina/subject", json={"subject": "s-mina"}).status_code == 200
    browser = bench.browser()
    come_back(browser)
    assert browser.get("/v1/me").json()["name"] == "mina"


def test_a_person_in_no_mapped_group_is_refused(bench: PeopleBench, people: Callable[..., None]) -> None:
    stranger = Person("joon", "z", ("everyone", "churn", "owner"))
    people(stranger)
    refused(come_back(bench.browser(), stranger), "joon is in no group that has a role here")
    assert bench.rows(tables.Account) == []


def test_a_person_who_lost_every_group_is_refused_and_loses_the_roles(
    bench: PeopleBench, people: Callable[..., None]
) -> None:
    come_back(bench.browser())
    people(replace(MINA, groups=()))
    refused(come_back(bench.browser()), "in no group")
    assert bench.roles("mina") == {}


@pytest.mark.parametrize("name", ["jinsu", "a b", "<b>", "x" * 65, "-"])
def test_a_name_that_nobody_can_have_is_refused(bench: PeopleBench, people: Callable[..., None], name: str) -> None:
    person = Person(name, "z", ("ml-churn",))
    people(person)
    refused(come_back(bench.browser(), person), "nobody can have here")
    assert bench.rows(tables.Account) == []


def test_a_person_who_says_no_at_the_provider_is_told_so(bench: PeopleBench) -> None:
    browser = bench.browser()
    leaving = browser.get("/login/oidc").headers["location"]
    with httpx.Client() as at:
        back = at_provider(at, leaving, MINA.name, MINA.password, consent=False)
    refused(browser.get(back.removeprefix(API)), "did not sign you in: access_denied")


# --- What attackers try ---


def answered(browser: httpx.Client) -> str:
    """The provider's answer to this browser, which it has not brought back yet."""
    leaving = browser.get("/login/oidc").headers["location"]
    with httpx.Client() as at:
        return at_provider(at, leaving, MINA.name, MINA.password).removeprefix(API)


def changed(path: str, **values: str | None) -> str:
    parts = urlsplit(path)
    query = {**dict(parse_qsl(parts.query)), **values}
    return f"{parts.path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


def test_an_answer_works_only_in_the_browser_that_asked(bench: PeopleBench) -> None:
    """An attacker sends the own answer to a victim, who would then work in the attacker's name."""
    attacker, victim = bench.browser(), bench.browser()
    path = answered(attacker)
    refused(victim.get(path), "did not begin this sign-in")
    victim.get("/login/oidc")  # also while the victim has begun one of their own
    refused(victim.get(path), "did not begin this sign-in")


def test_an_answer_works_once(bench: PeopleBench) -> None:
    browser = bench.browser()
    path = answered(browser)
    kept = list(browser.cookies.jar)
    assert browser.get(path).status_code == 303
    refused(browser.get(path), "did not begin this sign-in")
    for cookie in kept:
        browser.cookies.jar.set_cookie(cookie)
    refused(browser.get(path), "invalid_grant")  # the provider takes the code once


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": "x" * 43}, "did not begin this sign-in"),
        ({"state": None}, "did not begin this sign-in"),
        ({"code": "x"}, "refused the sign-in: invalid_grant"),
        ({"code": None}, "refused the sign-in"),
        ({"iss": "https://evil.example"}, "another identity provider"),
        ({"iss": None}, "another identity provider"),
        ({"error": "<script>alert(1)</script>"}, "&lt;script&gt;"),
    ],
)
def test_a_changed_answer_is_refused(bench: PeopleBench, values: dict[str, str | None], words: str) -> None:
    browser = bench.browser()
    answer = browser.get(changed(answered(browser), **values))
    refused(answer, words)
    assert "<script" not in answer.text
    assert bench.rows(tables.Account) == []
    assert len(bench.audited(AuditEvent.SIGN_IN_REFUSED)) == 1


def attempt_cookie(browser: httpx.Client) -> tuple[str, dict[str, Any]]:
    (cookie,) = [cookie for cookie in browser.cookies.jar if cookie.name.startswith("jinsu_attempt_")]
    return cookie.name, json.loads(base64.urlsafe_b64decode(cookie.value or ""))


@pytest.mark.parametrize(
    ("secret", "words"), [("verifier", "invalid_grant"), ("nonce", "another sign-in"), ("state", "did not begin")]
)
def test_each_secret_of_the_attempt_must_fit(bench: PeopleBench, secret: str, words: str) -> None:
    browser = bench.browser()
    path = answered(browser)
    name, kept = attempt_cookie(browser)
    kept["attempt"][secret] = "x" * 43
    browser.cookies.clear()
    browser.cookies.set(name, base64.urlsafe_b64encode(json.dumps(kept).encode()).decode(), domain="127.0.0.1")
    refused(browser.get(path), words)
    assert bench.rows(tables.Account) == []


@pytest.mark.parametrize(
    "value", ["", "x", "e30=", "bnVsbA==", "W10=", base64.b64encode(b'{"attempt":{},"to":{}}').decode()]
)
def test_a_cookie_that_makes_no_sense_is_none(bench: PeopleBench, value: str) -> None:
    browser = bench.browser()
    path = answered(browser)
    name, _ = attempt_cookie(browser)
    browser.cookies.clear()
    browser.cookies.set(name, value, domain="127.0.0.1")
    refused(browser.get(path), "did not begin this sign-in")


def test_a_cookie_leads_to_no_other_site(bench: PeopleBench) -> None:
    browser = bench.browser()
    path = answered(browser)
    name, kept = attempt_cookie(browser)
    kept["to"] = {"next": "https://evil.example"}
    browser.cookies.clear()
    browser.cookies.set(name, base64.urlsafe_b64encode(json.dumps(kept).encode()).decode(), domain="127.0.0.1")
    assert browser.get(path).headers["location"] == "/login"


def test_the_attempt_is_kept_from_scripts_and_from_the_address(bench: PeopleBench) -> None:
    browser = bench.browser()
    leaving = browser.get("/login/oidc")
    cookie = leaving.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/login/oidc" in cookie
    _, kept = attempt_cookie(browser)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(leaving.headers["location"]).query).items()}
    assert kept["attempt"]["verifier"] not in leaving.headers["location"]
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_type"] == "code"
    assert SECRET not in leaving.headers["location"]
    assert kept["attempt"]["verifier"] not in repr(Attempt(**kept["attempt"]))
    assert SECRET not in repr(bench.settings)


def test_two_sign_ins_at_once_do_not_disturb_each_other(bench: PeopleBench) -> None:
    browser = bench.browser()
    first, second = answered(browser), answered(browser)
    assert browser.get(first).status_code == 303
    assert browser.get(second).status_code == 303


def test_a_provider_that_is_away_is_waited_for(installed: None, tmp_path: Path) -> None:
    with OidcProvider([MINA], [Client("jinsu", (BACK,), SECRET)]) as provider:
        bench = PeopleBench(tmp_path, oidc=settings_for(provider))
        browser = bench.browser()
        path = answered(browser)
        provider.stop()
        refused(browser.get(path), "does not answer", status=503)
        assert bench.audited(AuditEvent.SIGN_IN_REFUSED) == []
        other = PeopleBench(_folder(tmp_path), oidc=settings_for(provider)).browser()
        refused(other.get("/login/oidc"), "does not answer", status=503)
        provider.start()


def _folder(path: Path) -> Path:
    made = path / "other"
    made.mkdir()
    return made


def test_a_platform_without_a_provider_says_so(tmp_path: Path) -> None:
    browser = PeopleBench(tmp_path).browser()
    assert "/login/oidc" not in browser.get("/login").text
    refused(browser.get("/login/oidc"), "no identity provider", status=404)
    refused(browser.get("/login/oidc/callback?code=x&state=y"), "did not begin")


# --- Forged answers: a provider that lies ---


class Liar:
    """A provider whose answers a test writes. It signs with its own key, as a stolen or a careless one would."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.pages: dict[str, Any] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.pages["/.well-known/openid-configuration"] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        self.pages["/jwks"] = {"keys": [{**public, "kid": "1", "use": "sig", "alg": "RS256"}]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                page = pages.get(self.path)
                self.send_response(404 if page is None else 200)
                self.end_headers()
                self.wfile.write(page if isinstance(page, bytes) else json.dumps(page).encode())

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        return Handler

    def says(
        self, attempt: Attempt, *, key: Any = None, algorithm: str = "RS256", kid: str = "1", **claims: Any
    ) -> None:
        now = int(time.time())
        told = {
            "iss": self.issuer, "sub": "s-1", "aud": "jinsu", "exp": now + 60, "iat": now, "nonce": attempt.nonce,
            "preferred_username": "mina", "groups": ["ml-churn"], **claims,
        }  # fmt: skip
        told = {name: value for name, value in told.items() if value is not None}
        signed = jwt.encode(told, self.key if key is None else key, algorithm, {"kid": kid})
        self.pages["/token"] = {"id_token": signed, "access_token": "a"}


@pytest.fixture
def liar() -> Iterator[Liar]:
    found = Liar()
    yield found
    found.server.shutdown()
    found.server.server_close()


def asked(liar: Liar, attempt: Attempt, issuer: str | None = None, **settings: Any) -> Any:
    oidc = Oidc(**{"issuer": liar.issuer, "client_id": "jinsu", "client_secret": "s", **settings})
    return Provider(oidc, BACK).person(attempt, "c", issuer)


def test_a_true_answer_is_believed(liar: Liar) -> None:
    attempt = Attempt.new()
    liar.says(attempt)
    found = asked(liar, attempt)
    assert (found.subject, found.name, found.groups) == (f"{liar.issuer}|s-1", "mina", ("ml-churn",))
    liar.says(attempt, aud=["jinsu", "other"], azp="jinsu", groups="ml-churn")
    assert asked(liar, attempt, liar.issuer).groups == ("ml-churn",)


NOW = int(time.time())
LIES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"nonce": "x"}, "another sign-in"),
    ({"nonce": None}, "another sign-in"),
    ({"nonce": ""}, "another sign-in"),
    ({"iss": "https://evil.example"}, "not valid here"),
    ({"iss": None}, "not valid here"),
    ({"aud": "other"}, "not valid here"),
    ({"aud": None}, "not valid here"),
    ({"aud": ["jinsu", "other"]}, "another application"),
    ({"azp": "other"}, "another application"),
    ({"aud": ["jinsu", "other"], "azp": "other"}, "another application"),
    ({"exp": NOW - 3600}, "not valid here"),
    ({"exp": None}, "not valid here"),
    ({"iat": NOW + 36000, "exp": NOW + 40000}, "not valid here"),
    ({"iat": None}, "not valid here"),
    ({"sub": None}, "not valid here"),
    ({"sub": 7}, "not valid here"),
    ({"kid": "2"}, "no key that the provider publishes"),
    ({"key": rsa.generate_private_key(65537, 2048)}, "not valid here"),
    ({"key": "s" * 32, "algorithm": "HS256"}, "not valid here"),
    ({"key": "", "algorithm": "none"}, "not valid here"),
    ({"algorithm": "RS512"}, "not valid here"),
)


@pytest.mark.parametrize(("lie", "words"), LIES)
def test_a_lie_is_not_believed(liar: Liar, lie: dict[str, Any], words: str) -> None:
    attempt = Attempt.new()
    liar.says(attempt, **lie)
    with pytest.raises(ForbiddenError, match=words):
        asked(liar, attempt)


def test_a_public_key_does_not_serve_as_a_shared_secret(liar: Liar) -> None:
    attempt = Attempt.new()
    liar.says(attempt)
    header, body, _ = liar.pages["/token"]["id_token"].split(".")
    import hashlib
    import hmac as mac

    from cryptography.hazmat.primitives import serialization

    pem = liar.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"1"}').rstrip(b"=").decode()
    sign = mac.new(pem, f"{header}.{body}".encode(), hashlib.sha256).digest()
    liar.pages["/token"] = {"id_token": f"{header}.{body}.{base64.urlsafe_b64encode(sign).rstrip(b'=').decode()}"}
    with pytest.raises(ForbiddenError, match="not valid here"):
        asked(liar, attempt)


@pytest.mark.parametrize("page", [b"", b"{", b"[]", b"null", b'{"id_token": 7}', b'{"id_token": "a.b.c"}', b"\xff"])
def test_an_answer_that_is_none_is_refused(liar: Liar, page: bytes) -> None:
    liar.pages["/token"] = page
    with pytest.raises(ForbiddenError):
        asked(liar, Attempt.new())


@pytest.mark.parametrize("page", [{"keys": []}, {}, {"keys": [{"kty": "oct", "k": "czEyMw", "kid": "1"}]}, b"{"])
def test_keys_that_are_none_sign_nothing(liar: Liar, page: Any) -> None:
    attempt = Attempt.new()
    liar.says(attempt)
    liar.pages["/jwks"] = page
    with pytest.raises(ForbiddenError):
        asked(liar, attempt)


def test_userinfo_is_about_the_same_person(liar: Liar) -> None:
    attempt = Attempt.new()
    liar.says(attempt, groups=None)
    liar.pages["/userinfo"] = {"sub": "s-2", "groups": ["ml-churn"]}
    with pytest.raises(ForbiddenError, match="another person"):
        asked(liar, attempt)
    liar.pages["/userinfo"] = {"sub": "s-1", "groups": ["ml-churn", 7, None], "preferred_username": "root"}
    found = asked(liar, attempt)
    assert (found.name, found.groups) == ("mina", ("ml-churn",))  # the signed token's word goes first


def test_an_address_that_nobody_verified_is_no_name(liar: Liar) -> None:
    attempt = Attempt.new()
    liar.says(attempt, email="root@example.com", email_verified=False)
    with pytest.raises(ForbiddenError, match="not verified"):
        asked(liar, attempt, name_claim="email")


def test_a_provider_that_calls_itself_otherwise_is_not_asked(liar: Liar) -> None:
    liar.pages["/.well-known/openid-configuration"]["issuer"] = "https://other.example"
    with pytest.raises(ForbiddenError, match="to exactly that"):
        asked(liar, Attempt.new())


@pytest.mark.parametrize("address", [None, 7, "", "file:///etc/passwd", "ftp://x"])
def test_only_an_address_is_asked(liar: Liar, address: Any) -> None:
    liar.pages["/.well-known/openid-configuration"]["token_endpoint"] = address
    with pytest.raises(ForbiddenError, match="no usable token_endpoint"):
        asked(liar, Attempt.new())


def test_an_encrypted_provider_names_no_unencrypted_address(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider(Oidc("https://id.example", "jinsu"), BACK)
    described = {"issuer": "https://id.example", "authorization_endpoint": "http://id.example/authorize"}
    monkeypatch.setattr(provider, "_get", lambda *_, **__: described)
    with pytest.raises(ForbiddenError, match="no usable authorization_endpoint"):
        provider.address(Attempt.new())


def test_an_error_of_the_provider_is_waited_for(liar: Liar) -> None:
    liar.server.shutdown()
    liar.server.server_close()
    with pytest.raises(TransientError, match="does not answer"):
        asked(liar, Attempt.new())
