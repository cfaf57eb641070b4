"""Which requests to MLflow are for people, what a change stands for, and what a request shows of its sender."""

import base64
from typing import Any

import pytest

from jinsu.errors import BadInputError, ForbiddenError
from jinsu.servers.mlflow_doors import Act, Deed, Passage, act, check_query, passage, read_object, refusal
from jinsu.servers.mlflow_people import user_of
from jinsu.servers.mlflow_requests import (
    Shown,
    comes_from_elsewhere,
    cookies,
    is_account,
    local_path,
    login_address,
    request_of,
    shown,
)
from jinsu.settings import Account

ALIAS, TAG = "/api/2.0/mlflow/registered-models/alias", "/ajax-api/2.0/mlflow/model-versions/set-tag"


@pytest.mark.parametrize(
    ("method", "path", "way"),
    [
        ("GET", "/health", Passage.OPEN),
        ("POST", "/health", Passage.CLOSED),
        ("GET", "/", Passage.READ),
        ("HEAD", "/", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow/runs/get", Passage.READ),
        ("GET", "/ajax-api/2.0/mlflow/runs/get", Passage.READ),
        ("HEAD", "/api/2.0/mlflow/runs/get", Passage.CLOSED),
        ("POST", "/api/2.0/mlflow/runs/get", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow/runs/get/", Passage.CLOSED),
        ("GET", "/x/api/2.0/mlflow/runs/get", Passage.CLOSED),
        ("GET", "/api/9.0/mlflow/runs/get", Passage.CLOSED),
        ("POST", "/api/2.0/mlflow/runs/search", Passage.READ),
        ("POST", "/api/2.0/mlflow/runs/create", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow/logged-models/m-4f1c", Passage.READ),
        ("GET", "/api/2.0/mlflow/logged-models/search", Passage.CLOSED),
        ("GET", "/api/3.0/mlflow/traces/tr-4f1c", Passage.READ),
        ("GET", "/api/3.0/mlflow/traces/batchGet", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a b.html", Passage.READ),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/../2/a", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/./a", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts//1/a", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1\\..\\2", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/a\nb", Passage.CLOSED),
        ("POST", "/graphql", Passage.QUERY),
        ("GET", "/graphql", Passage.CLOSED),
        ("GET", ALIAS, Passage.READ),
        ("POST", ALIAS, Passage.ACT),
        ("DELETE", ALIAS, Passage.ACT),
        ("PATCH", ALIAS, Passage.CLOSED),
        ("POST", TAG, Passage.ACT),
        ("GET", "/api/2.0/mlflow/webhooks", Passage.CLOSED),
        ("GET", "/api/2.0/mlflow/users/list", Passage.CLOSED),
        ("GET", "/gateway/mlflow/v1/models", Passage.CLOSED),
        ("GET", "/nothing/that/exists", Passage.CLOSED),
    ],
)
def test_a_request_is_for_people_only_when_it_is_listed(method: str, path: str, way: Passage) -> None:
    assert passage(method, path) is way


@pytest.mark.parametrize(
    ("path", "body", "deed", "reason"),
    [
        (ALIAS, {"alias": "challenger"}, Deed.APPROVE, ""),
        (ALIAS, {"alias": "rejected"}, Deed.REJECT, ""),
        (ALIAS, {"alias": "champion"}, Deed.MOVE_CHAMPION, ""),
        (TAG, {"key": "jinsu.reject", "value": "worse"}, Deed.REJECT, "worse"),
        (TAG, {"key": "jinsu.reject", "value": ""}, Deed.REJECT, ""),
        (TAG, {"key": "jinsu.changes", "value": "why so slow?"}, Deed.ASK_CHANGES, "why so slow?"),
        (TAG, {"key": "jinsu.revoke", "value": "leaks"}, Deed.REVOKE, "leaks"),
    ],
)
def test_a_change_stands_for_what_a_reviewer_says(path: str, body: dict[str, Any], deed: Deed, reason: str) -> None:
    for version in ("3", 3):
        assert act("POST", path, {"name": "digits", "version": version, **body}) == Act(deed, "digits", "3", reason)


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "says"),
    [
        ("DELETE", ALIAS, {"alias": "champion"}, ForbiddenError, "jinsu review approve RUN"),
        ("DELETE", ALIAS, {"alias": "challenger"}, ForbiddenError, "not for people"),
        ("POST", ALIAS, {"alias": "production"}, ForbiddenError, "alias 'challenger'"),
        ("POST", ALIAS, {}, ForbiddenError, "not for people"),
        ("POST", ALIAS, {"alias": ["champion"]}, ForbiddenError, "not for people"),
        ("POST", TAG, {"key": "note", "value": "x"}, ForbiddenError, "jinsu.changes"),
        ("POST", TAG, {"key": "jinsu.review", "value": "approved"}, ForbiddenError, "not for people"),
        ("POST", TAG.replace("set", "delete"), {"key": "jinsu.reject"}, ForbiddenError, "not for people"),
        ("DELETE", TAG.replace("set", "delete"), {"key": "jinsu.reject"}, ForbiddenError, "not for people"),
        ("POST", TAG, {"key": "jinsu.changes", "value": " "}, BadInputError, "write the reason"),
        ("POST", TAG, {"key": "jinsu.revoke"}, BadInputError, "write the reason"),
        ("POST", ALIAS, {"alias": "champion", "name": ""}, BadInputError, "model's name"),
        ("POST", ALIAS, {"alias": "champion", "version": "latest"}, BadInputError, "version's number"),
        ("POST", ALIAS, {"alias": "champion", "version": "1/2"}, BadInputError, "version's number"),
    ],
)
def test_another_change_stands_for_nothing(
    method: str, path: str, body: dict[str, Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        act(method, path, {"name": "digits", "version": "3", **body})


def test_a_refusal_says_in_one_sentence_what_to_do() -> None:
    assert refusal("POST", "/api/2.0/mlflow/runs/create") == (
        "POST runs/create is not for people; the platform records runs; submit one: jinsu submit FOLDER."
    )
    assert "jinsu user" in refusal("PATCH", "/ajax-api/2.0/mlflow/users/update-password")
    assert refusal("GET", "/signup").endswith("in MLflow people read, compare and review.")


def test_only_queries_are_asked_of_graphql() -> None:
    check_query(b'{"query": "query Q($a: String) { mlflowGetRun(input: {runId: $a}) { run { info { runId } } } }"}')
    for body in (
        b'{"query": "mutation { a }"}',
        b'{"query": "query A { a } mutation B { b }"}',
        b'{"query": "subscription { a }"}',
    ):
        with pytest.raises(ForbiddenError, match="queries only"):
            check_query(body)
    for body in (b"", b"[]", b"query", b"{}", b'{"query": 1}'):
        with pytest.raises(BadInputError):
            check_query(body)


def test_a_body_is_one_object() -> None:
    assert read_object(b"") == {}
    for body in (b"[]", b"null", b"{", b"\xff", b'"a"'):
        with pytest.raises(BadInputError, match="no JSON object"):
            read_object(body)


# --- What a request shows ---


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, Shown(None, cookie=True)),
        ({"cookie": "a=b; jinsu_mlflow=t"}, Shown("t", cookie=True)),
        ({"cookie": "jinsu_mlflow="}, Shown(None, cookie=True)),
        ({"authorization": "Bearer t"}, Shown("t")),
        ({"authorization": "bearer  t "}, Shown("t")),
        ({"authorization": basic("ann", "t:u")}, Shown("t:u", "ann")),
        ({"authorization": "Basic ???", "cookie": "jinsu_mlflow=t"}, Shown()),
        ({"authorization": "Digest t", "cookie": "jinsu_mlflow=t"}, Shown()),
        ({"authorization": "", "cookie": "jinsu_mlflow=t"}, Shown()),
    ],
)
def test_a_request_shows_one_thing(headers: dict[str, str], found: Shown) -> None:
    assert shown(headers) == found


def test_a_token_is_not_printed() -> None:
    assert "secret" not in repr(Shown("secret", "ann"))


def test_an_account_is_shown_by_name_and_password() -> None:
    account = Account("admin", "right")
    assert is_account(Shown("right", "admin"), account)
    wrong = (
        Shown("wrong", "admin"),
        Shown("right", "ann"),
        Shown("right"),
        Shown(None, "admin"),
        Shown("right", cookie=True),
    )
    assert not any(is_account(request, account) for request in wrong)
    assert not is_account(Shown("", ""), Account("", ""))


def test_the_cookies_of_other_programs_hide_none() -> None:
    """A cookie goes to every port of a host, so those of other programs come too."""
    header = 'a={"b": [1]}; c@d=\x01; =; jinsu_mlflow=t; e'
    assert cookies({"cookie": header})["jinsu_mlflow"] == "t"
    assert cookies({}) == {"": ""}


HOST = {"host": "mlflow.test"}
SAME, OTHER = {"origin": "http://mlflow.test"}, {"origin": "http://evil.test"}
OPENED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("method", "headers", "elsewhere"),
    [
        ("GET", {}, False),
        ("GET", {"sec-fetch-site": "same-origin"}, False),
        ("GET", {"sec-fetch-site": "none"}, False),
        ("GET", {"sec-fetch-site": "cross-site", **OPENED}, False),
        ("GET", {"sec-fetch-site": "same-site", **OPENED}, False),
        ("GET", {"sec-fetch-site": "cross-site", **OPENED, "sec-fetch-dest": "iframe"}, True),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, True),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, True),
        ("GET", OTHER, True),
        ("POST", {}, True),
        ("POST", SAME, False),
        ("POST", OTHER, True),
        ("POST", {"origin": "null"}, True),
        ("POST", {"origin": "http://mlflow.test.evil.test"}, True),
        ("POST", {"origin": "http://mlflow.test:81"}, True),
        ("POST", {**SAME, "sec-fetch-site": "same-origin"}, False),
        ("POST", {"sec-fetch-site": "same-origin"}, False),
        ("POST", {**SAME, "sec-fetch-site": "same-site"}, True),
        ("POST", {**OTHER, "sec-fetch-site": "same-origin"}, True),
        ("POST", {"sec-fetch-site": "cross-site", **OPENED}, True),
        ("DELETE", {"sec-fetch-site": "none"}, True),
    ],
)
def test_only_mlflows_own_page_uses_the_cookie(method: str, headers: dict[str, str], elsewhere: bool) -> None:
    assert comes_from_elsewhere(method, {**HOST, **headers}) is elsewhere


@pytest.mark.parametrize(
    "text", ["/", "/#/models/digits/versions/3", "/get-artifact?path=a&run_id=b", "/a//b", "/%2f%2fevil.test"]
)
def test_a_path_on_this_server_is_kept(text: str) -> None:
    assert local_path(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "javascript:1",
        "/a\r\nb: c",
        "/\t/evil",
        "/" + "a" * 2000,
    ],
)
def test_another_address_is_not(text: str) -> None:
    assert local_path(text) == "/"


def test_where_to_sign_in_names_where_to_go_afterwards() -> None:
    address = login_address("https://jinsu.test", "a+b", "/get-artifact?a=1&b=2")
    assert address == "https://jinsu.test/login?to=mlflow&state=a%2Bb&next=%2Fget-artifact%3Fa%3D1%26b%3D2"


def test_a_request_is_read_from_its_scope() -> None:
    scope = {
        "method": "GET", "path": "/a b", "raw_path": b"/a%20b", "query_string": b"code=1&code=2&next=%2Fx",
        "headers": [(b"Cookie", b"jinsu_mlflow=t")],
    }  # fmt: skip
    request = request_of(scope)
    assert (request.raw, request.query, request.shown) == (
        "/a%20b?code=1&code=2&next=%2Fx",
        {"code": "1", "next": "/x"},
        Shown("t", cookie=True),
    )


def test_a_person_is_never_the_platform() -> None:
    assert user_of("ann", "admin") == "ann"
    assert user_of("admin", "admin") == "admin (person)"
