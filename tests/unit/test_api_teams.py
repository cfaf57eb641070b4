"""What people of one team learn of another through the API, route by route: nothing. And no answer tells a secret."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from tests.support.answers import OPEN, accepted, operations, refused
from tests.support.api_client import ApiClient
from tests.support.fake_airflow import SECRET
from tests.support.people import ADMIN, TEAMS
from tests.support.stage_bench import SPLITS, StageBench

from jinsu.api import models
from jinsu.identity import accounts
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.runs.stages import StageName
from jinsu.state.states import Kept
from jinsu.state.tables import Account, AuditEntry, Base, ProblemSplit, SignInRequest, Token

PASSWORD = "correct horse battery"
SECRETIVE = "wrong for the secret shop"
"""What a person of team default wrote as a reason."""


@dataclass(frozen=True)
class Asked:
    """What a person of another team sends to a route, about team default's things, and what comes back.

    path: with the things by name in it. status: of the answer; 404 must say what it says about a thing that does not exist.
    content: a body that is no JSON. word: part of the refusal.
    """

    path: str
    status: int
    body: Any = None
    content: bytes = b""
    word: str = ""


MISSING = {"run": "toy-0", "waiting": "toy-0", "name": "nothing", "problem": "nothing", "token": "0" * 16, "dataset": "nothing"}
"""Names of things that do not exist."""
ADMINS, TEAM, OWNERS = "is no administrator", "is not in team default", "is taken by another team"

ROUTES: dict[tuple[str, str], Asked] = {
    ("GET", "/metrics"): Asked("/metrics", 200),
    ("POST", "/v1/code"): Asked("/v1/code", 422, content=b"x"),
    ("POST", "/v1/check"): Asked("/v1/check", 409, {"code_digest": "{code}"}, word=OWNERS),
    ("POST", "/v1/sample"): Asked("/v1/sample", 409, {"code_digest": "{code}"}, word=OWNERS),
    ("POST", "/v1/submissions"): Asked(
        "/v1/submissions", 409, {"code_digest": "{code}", "idempotency_key": "1"}, word=OWNERS
    ),
    ("GET", "/v1/runs"): Asked("/v1/runs?limit=1000", 200),
    ("GET", "/v1/runs/{run}"): Asked("/v1/runs/{run}", 404),
    ("GET", "/v1/runs/{run}/logs"): Asked("/v1/runs/{run}/logs", 404),
    ("POST", "/v1/runs/{run}/cancel"): Asked("/v1/runs/{waiting}/cancel", 404, {}),
    ("GET", "/v1/datasets"): Asked("/v1/datasets", 200),
    ("POST", "/v1/datasets/{name}"): Asked("/v1/datasets/points?suffix=.csv", 409, content=b"a,b,label", word=OWNERS),
    ("DELETE", "/v1/datasets/{name}"): Asked("/v1/datasets/{dataset}", 404),
    ("GET", "/v1/datasets/{name}/versions"): Asked("/v1/datasets/{dataset}/versions", 404),
    ("GET", "/v1/datasets/{name}/difference"): Asked("/v1/datasets/{dataset}/difference?old=aa", 404),
    ("GET", "/v1/datasets/{name}/files"): Asked("/v1/datasets/{dataset}/files", 404),
    ("GET", "/v1/datasets/{name}/files/{path:path}"): Asked("/v1/datasets/{dataset}/files/part-0.parquet", 404),
    ("POST", "/v1/datasets/{name}/missing-packs"): Asked(
        "/v1/datasets/points/missing-packs", 409, {"packs": ["0" * 64]}, word=OWNERS
    ),
    ("POST", "/v1/datasets/{name}/packs/{sha256}"): Asked(
        f"/v1/datasets/points/packs/{'0' * 64}", 409, content=b"x", word=OWNERS
    ),
    ("POST", "/v1/datasets/{name}/file-sets"): Asked("/v1/datasets/points/file-sets", 409, content=b"{}", word=OWNERS),
    ("GET", "/v1/reviews"): Asked("/v1/reviews", 200),
    ("GET", "/v1/reviews/{run}"): Asked("/v1/reviews/{waiting}", 404),
    ("POST", "/v1/reviews/{run}"): Asked("/v1/reviews/{waiting}", 404, {"verdict": "approve"}),
    ("POST", "/v1/models/{model}/versions/{version}/revoke"): Asked(
        "/v1/models/{name}/versions/2/revoke", 404, {"reason": "envy"}
    ),
    ("GET", "/v1/problems"): Asked("/v1/problems", 200),
    ("POST", "/v1/problems"): Asked("/v1/problems", 409, {"document": "{document}"}, word=OWNERS),
    ("GET", "/v1/problems/{name}"): Asked("/v1/problems/{problem}", 404),
    ("GET", "/v1/rollouts"): Asked("/v1/rollouts", 200),
    ("POST", "/v1/rollouts/{model}/{verb}"): Asked("/v1/rollouts/{name}/abort", 404, {}),
    ("POST", "/v1/models/{model}/champion/{version}"): Asked("/v1/models/{name}/champion/1", 404),
    ("GET", "/v1/models"): Asked("/v1/models", 200),
    ("GET", "/v1/ledger"): Asked("/v1/ledger", 200),
    ("GET", "/v1/ledger/{model}"): Asked("/v1/ledger/{name}", 404),
    ("GET", "/v1/me"): Asked("/v1/me", 200),
    ("GET", "/v1/tokens"): Asked("/v1/tokens", 200),
    ("POST", "/v1/tokens"): Asked("/v1/tokens", 200, {}),
    ("DELETE", "/v1/tokens/{token}"): Asked("/v1/tokens/{token}", 404),
    ("POST", "/v1/tokens/{token}/rotate"): Asked("/v1/tokens/{token}/rotate", 404),
    ("GET", "/v1/users"): Asked("/v1/users", 200),
    ("POST", "/v1/users"): Asked("/v1/users", 403, {"name": "zoe"}, word=ADMINS),
    ("DELETE", "/v1/users/{name}"): Asked("/v1/users/ann", 403, word=ADMINS),
    ("PUT", "/v1/users/{name}/admin"): Asked("/v1/users/ann/admin", 403, {"admin": True}, word=ADMINS),
    ("PUT", "/v1/users/{name}/password"): Asked(
        "/v1/users/ann/password", 403, {"password": "another long one", "current": PASSWORD}, word=ADMINS
    ),
    ("PUT", "/v1/users/{name}/subject"): Asked("/v1/users/ann/subject", 403, {"subject": "s"}, word=ADMINS),
    ("GET", "/v1/teams"): Asked("/v1/teams", 200),
    ("POST", "/v1/teams"): Asked("/v1/teams", 403, {"name": "more"}, word=ADMINS),
    ("DELETE", "/v1/teams/{team}"): Asked("/v1/teams/default", 403, word=ADMINS),
    ("GET", "/v1/teams/{team}/members"): Asked("/v1/teams/default/members", 403, word=TEAM),
    ("PUT", "/v1/teams/{team}/members/{person}"): Asked(
        "/v1/teams/default/members/tom", 403, {"role": "owner"}, word=TEAM
    ),
    ("GET", "/v1/teams/{team}/policy"): Asked("/v1/teams/default/policy", 403, word=TEAM),
    ("PUT", "/v1/teams/{team}/policy"): Asked("/v1/teams/default/policy", 403, {"document": {}}, word=ADMINS),
    ("GET", "/v1/teams/{team}/policy/history"): Asked("/v1/teams/default/policy/history", 403, word=TEAM),
    ("GET", "/v1/grants"): Asked("/v1/grants", 200),
    ("POST", "/v1/grants"): Asked("/v1/grants", 404, {"kind": "model", "name": "{name}", "team": "toys"}),
    ("DELETE", "/v1/grants/{kind}/{name}/{team}"): Asked("/v1/grants/model/{name}/others", 404),
    ("GET", "/v1/audit"): Asked("/v1/audit?limit=1000", 200),
}
"""Every route that asks for a token. A new one belongs in here."""
ROWS = {f"/v1/datasets/{{name}}/{route}" for route in ("difference", "files", "files/{path:path}")}
"""Routes whose answer depends on what a version holds and who put it: `test_dataset_pages` has who may read them."""


@dataclass(frozen=True)
class Shop:
    """Team default at work: a champion, a candidate that waits, a rollout, a kept problem, a policy, a grant."""

    bench: StageBench
    api: ApiClient
    names: dict[str, str] = field(default_factory=dict)

    def ask(self, who: str, method: str, asked: Asked, names: dict[str, str]) -> Any:
        """The answer about the things of these names."""
        more: dict[str, Any] = {"content": asked.content} if asked.content else {}
        if asked.body is not None:
            more = {"json": _filled(asked.body, names)}
        return self.api.ask(method, asked.path.format(**names), who, **more)

    def records(self) -> dict[str, list[str]]:
        """Every row of every table, but for what asking itself leaves."""
        passing = {Token, AuditEntry, SignInRequest}
        kinds = [mapper.class_ for mapper in Base.registry.mappers if mapper.class_ not in passing]
        return {kind.__name__: sorted(_row(row) for row in self.bench.rows(kind)) for kind in kinds}


def _row(row: Any) -> str:
    return repr(sorted((name, value) for name, value in vars(row).items() if not name.startswith("_")))


def _filled(body: Any, names: dict[str, str]) -> Any:
    if body == "{document}":
        return {"name": names["problem"], "dataset": "points", "metric": "accuracy"}
    if isinstance(body, dict):
        return {name: _filled(value, names) for name, value in body.items()}
    return body.format(**names) if isinstance(body, str) else body


@pytest.fixture(scope="module")
def shop(templates: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for all tests of this file, which change none of its records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jinsu.identity.passwords._COST", 2**4)
        bench = templates.after(StageName.PROMOTE).copy_to(tmp_path_factory.mktemp("shop") / "home")
        api = ApiClient(bench.installation)
        with bench.records.begin() as session:
            accounts.set_password(session, "ann", PASSWORD, actor=ADMIN)
            accounts.ensure_team(session, "others", actor=ADMIN)
            accounts.grant(session, Kept.MODEL, "toy", "others", actor="olga")
        bench.put_policy(review={"approvers": 1})
        document = {"name": "sides", "dataset": "points", "metric": "accuracy"}
        accepted(api.post("/v1/problems", "olga", json={"document": document}), models.ProblemPut)
        rolling = bench.another_run(StageName.REVIEW, key="rolling", train__params={"lr": 2.0})
        bench.build(Canary).start(rolling)
        waiting = bench.another_run(StageName.REGISTER, "eve", "waiting", train__params={"lr": 3.0})
        bench.build(ReviewStage).ask(waiting)
        ended = bench.another_run(None, "eve", "ended", train__params={"lr": 4.0})
        accepted(api.post(f"/v1/runs/{ended}/cancel", "eve", json={"reason": SECRETIVE}), models.Run)
        (token,) = accepted(api.get("/v1/tokens", "ann"), list[models.Token])
        names = {
            "run": bench.run, "waiting": waiting, "name": "toy", "problem": "sides", "token": token.id,
            "dataset": "points",
            "code": bench.submission.code_digest,
        }  # fmt: skip
        yield Shop(bench, api, names)
        bench.close()


def tokened(api: ApiClient) -> set[tuple[str, str]]:
    return {(method, path) for method, path in operations(api) if path not in OPEN}


def test_every_route_that_asks_for_a_token_is_tried_here(shop: Shop) -> None:
    assert set(ROUTES) == tokened(shop.api)


@pytest.mark.parametrize("who", TEAMS["toys"])
@pytest.mark.parametrize(("method", "route"), ROUTES, ids=lambda value: value)
def test_a_person_of_another_team_learns_and_changes_nothing(shop: Shop, who: str, method: str, route: str) -> None:
    asked, before = ROUTES[method, route], shop.records()
    answer = shop.ask(who, method, asked, shop.names)

    if asked.status == 200:
        assert answer.status_code == 200, answer.text
    else:
        refused(answer, asked.status, asked.word)
    if asked.status == 404:  # and that it exists cannot be told either
        missing = shop.ask(who, method, asked, {**shop.names, **MISSING})
        said = answer.text
        for name, value in MISSING.items():
            if "{" + name + "}" in asked.path or "{" + name + "}" in str(asked.body):
                said = said.replace(shop.names[name], value)
        assert said == missing.text
    else:
        for word in (
            "toy-",
            '"toy"',
            "points@",
            "sides@",
            '"sides"',
            SECRETIVE,
            *(["default"] if asked.status == 409 else []),
        ):
            assert word not in answer.text
    assert shop.records() == before


def test_lists_hold_nothing_of_another_team(shop: Shop) -> None:
    lists = ("runs", "datasets", "reviews", "problems", "rollouts", "models", "grants")
    for who in TEAMS["toys"]:
        assert {name: shop.api.get(f"/v1/{name}", who).json() for name in lists} == {name: [] for name in lists}
        users = accepted(shop.api.get("/v1/users", who), list[models.User])
        assert {user.name for user in users if user.teams} == set(TEAMS["toys"])
        audit = accepted(shop.api.get("/v1/audit", who), list[models.AuditEntry])
        assert {entry.actor for entry in audit} <= {who}
    for who in ("ann", ADMIN):  # the shop is not empty
        assert all(shop.api.get(f"/v1/{name}", who).json() for name in lists)


@pytest.mark.parametrize("who", ["ann", "root"])
def test_the_team_itself_and_an_administrator_read_all_of_it(shop: Shop, who: str) -> None:
    read = [(route, asked) for (method, route), asked in ROUTES.items() if method == "GET" and route not in ROWS]
    for route, asked in read:
        assert shop.ask(who, "GET", asked, shop.names).status_code == 200, route


def test_a_grant_lets_another_team_read_a_model_and_nothing_else(
    api_after: Callable[[StageName | None], tuple[StageBench, ApiClient]],
) -> None:
    bench, api = api_after(StageName.PROMOTE)
    grant = {"kind": "model", "name": "toy", "team": "toys"}
    accepted(api.post("/v1/grants", "olga", json=grant), models.Done)
    for path in (f"/v1/runs/{bench.run}", f"/v1/runs/{bench.run}/logs", f"/v1/reviews/{bench.run}", "/v1/ledger/toy"):
        assert api.get(path, "tess").status_code == 200, path
    assert [run.id for run in accepted(api.get("/v1/runs", "tess"), list[models.RunSummary])] == [bench.run]
    before = bench.facts()
    sentence = "is not in team default"
    refused(api.post(f"/v1/reviews/{bench.run}", "tess", json={"verdict": "approve"}), 403, sentence)
    refused(api.post("/v1/models/toy/champion/1", "tess"), 403, sentence)
    refused(api.post("/v1/models/toy/versions/1/revoke", "tess", json={"reason": "envy"}), 403, sentence)
    refused(api.post("/v1/rollouts/toy/abort", "tess", json={}), 403, sentence)
    refused(api.post(f"/v1/runs/{bench.run}/cancel", "theo", json={}), 403, "did not submit run")
    refused(api.post("/v1/grants", "theo", json={**grant, "team": "toys"}), 403, sentence)
    refused(api.get("/v1/problems/toy", "tess"), 404)
    assert accepted(api.get("/v1/datasets", "tess"), list[models.Dataset]) == []
    assert bench.facts() == before

    accepted(api.ask("DELETE", "/v1/grants/model/toy/toys", "olga"), models.Done)
    refused(api.get(f"/v1/runs/{bench.run}", "tess"), 404)


def test_no_answer_tells_a_secret(shop: Shop) -> None:
    secrets = {SPLITS, SECRET, PASSWORD}
    secrets |= {row.salt for row in shop.bench.rows(ProblemSplit)}
    secrets |= {row.held for row in shop.bench.rows(ProblemSplit) if row.held}
    secrets |= {row.sha256 for row in shop.bench.rows(Token)}
    secrets |= {row.password for row in shop.bench.rows(Account) if row.password}
    secrets |= {f"token of {name}" for team in TEAMS.values() for name in (*team, ADMIN)}
    assert sha256(b"token of ann").hexdigest() in secrets
    assert len(secrets) > 20
    for (method, route), asked in ROUTES.items():
        for who in ("ann", "olga", "tom", ADMIN):
            if method != "GET" and who != "tom":
                continue  # it would change what other tests look at
            text = shop.ask(who, method, asked, shop.names).text
            assert not [secret for secret in secrets if secret in text], (method, route, who)
    for path in sorted(OPEN):
        if "{" not in path:
            assert not [secret for secret in secrets if secret in shop.api.get(path, None).text]
    wrong = shop.api.post("/v1/login", None, json={"name": "ann", "password": PASSWORD + "r"})
    assert PASSWORD not in refused(wrong, 403).error


def test_a_token_is_shown_once_to_whom_it_was_given(api: ApiClient, bench: StageBench) -> None:
    made = accepted(api.post("/v1/tokens", json={"label": "laptop"}), models.NewToken)
    assert api.get("/v1/runs", None, headers={"authorization": f"Bearer {made.token}"}).status_code == 200
    for who in ("ann", ADMIN):
        for path in ("/v1/tokens", "/v1/me", "/v1/audit?limit=1000", "/v1/users"):
            assert made.token not in api.get(path, who).text
    assert made.token not in json.dumps([repr(vars(row)) for row in bench.rows(Token)])
