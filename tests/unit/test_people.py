"""People, teams, policies, grants, tokens and the audit log over HTTP: who may do what, and what each refusal says."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.support.people_bench import PASSWORD, PeopleBench

from jinsu.api import models
from jinsu.identity import tokens
from jinsu.settings import Oidc
from jinsu.state import tables
from jinsu.state.states import AuditEvent, Role, TokenUse


@pytest.fixture(autouse=True, scope="module")
def cheap_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jinsu.identity.passwords._COST", 2**4)
        yield


@pytest.fixture
def bench(tmp_path: Path) -> PeopleBench:
    """root administers; olga owns churn, where minji researches and bora reviews; oscar owns shopping."""
    found = PeopleBench(tmp_path)
    found.person("root", admin=True)
    found.person("olga", churn="owner")
    found.person("minji", churn="researcher", password=PASSWORD)
    found.person("bora", churn="reviewer")
    found.person("oscar", shopping="owner")
    return found


EVERYBODY_ELSE = ("olga", "minji", "bora", "oscar")


def refused(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    sentence = models.Problem.model_validate_json(answer.content).error
    for word in words:
        assert word in sentence
    assert "\n" not in sentence


def accepted(answer: Any, kind: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return TypeAdapter(kind).validate_json(answer.content)


# --- Who may do what ---

ADMINISTRATORS_ONLY: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/v1/users", {"name": "carl"}),
    ("DELETE", "/v1/users/minji", None),
    ("PUT", "/v1/users/minji/admin", {"admin": True}),
    ("PUT", "/v1/users/root/password", {"password": "a long password", "current": "whatever it is"}),
    ("POST", "/v1/teams", {"name": "fraud"}),
    ("DELETE", "/v1/teams/churn", None),
    ("PUT", "/v1/teams/churn/policy", {"document": {"review": {"approvers": 0}}}),
    ("PUT", "/v1/users/minji/subject", {"subject": "s-1"}),
)


@pytest.mark.parametrize(("method", "path", "body"), ADMINISTRATORS_ONLY)
@pytest.mark.parametrize("who", EVERYBODY_ELSE)
def test_only_an_administrator_does_this(bench: PeopleBench, who: str, method: str, path: str, body: Any) -> None:
    before = len(bench.rows(tables.AuditEntry))
    refused(bench.ask(who).request(method, path, json=body), 403, f"{who} is no administrator")
    assert len(bench.rows(tables.AuditEntry)) == before + 1  # the token of this test


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method, path, _ in ADMINISTRATORS_ONLY]
    + [("GET", path) for path in ("/v1/me", "/v1/tokens", "/v1/users", "/v1/teams", "/v1/grants", "/v1/audit",
                                  "/v1/teams/churn/members", "/v1/teams/churn/policy")],
)  # fmt: skip
def test_without_a_token_nothing_is_said_or_done(bench: PeopleBench, method: str, path: str) -> None:
    refused(bench.ask().request(method, path, json={} if method != "GET" else None), 401)


# --- Accounts ---


def test_an_administrator_adds_and_removes_a_person(bench: PeopleBench) -> None:
    root = bench.ask("root")
    accepted(root.post("/v1/users", json={"name": "carl", "password": PASSWORD}), models.Done)
    given = bench.ask().post("/v1/login", json={"name": "carl", "password": PASSWORD}).json()["token"]
    carl = {"authorization": f"Bearer {given}"}
    assert bench.ask().get("/v1/me", headers=carl).status_code == 200
    refused(root.post("/v1/users", json={"name": "carl"}), 409, "exists already")

    accepted(root.delete("/v1/users/carl"), models.Done)
    assert bench.ask().get("/v1/me", headers=carl).status_code == 401
    refused(bench.ask().post("/v1/login", json={"name": "carl", "password": PASSWORD}), 403)
    refused(root.delete("/v1/users/carl"), 404, "does not exist")
    assert bench.audited(AuditEvent.PERSON_ADDED)[-1] == ("root", "carl", "")
    assert bench.audited(AuditEvent.PERSON_REMOVED) == [("root", "carl", "")]


@pytest.mark.parametrize(
    "name", ["", "x" * 65, "a:b", "a\nb", "a\0b", "a b", "../x", "jinsu", "airflow", "é", "-x", "<b>", "\ud800"]
)
def test_a_name_is_a_short_word_that_is_not_the_platforms(bench: PeopleBench, name: str) -> None:
    content = TypeAdapter(str).dump_json(name) if "\ud800" not in name else b'"\\ud800"'
    answer = bench.ask("root").post("/v1/users", content=b'{"name": ' + content + b"}")
    refused(answer, 422)


def test_a_short_password_is_refused_and_not_shown(bench: PeopleBench) -> None:
    answer = bench.ask("root").post("/v1/users", json={"name": "carl", "password": "ssshort"})
    refused(answer, 422, "10 to 200 characters")
    assert "ssshort" not in answer.text
    assert "carl" not in {row.name for row in bench.rows(tables.Account)}
    long = bench.ask("root").post("/v1/users", json={"name": "carl", "password": "secret" * 100})
    refused(long, 422, "password")
    assert "secretsecret" not in long.text


def test_the_last_administrator_stays(bench: PeopleBench) -> None:
    root = bench.ask("root")
    refused(root.delete("/v1/users/root"), 409, "last administrator")
    refused(root.put("/v1/users/root/admin", json={"admin": False}), 409, "last administrator")
    accepted(root.put("/v1/users/olga/admin", json={"admin": True}), models.Done)
    accepted(root.put("/v1/users/root/admin", json={"admin": False}), models.Done)
    refused(root.post("/v1/users", json={"name": "carl"}), 403)
    refused(bench.ask("olga").delete("/v1/users/olga"), 409, "last administrator")
    assert bench.audited(AuditEvent.ADMIN_CHANGED) == [("root", "olga", "given"), ("root", "root", "taken")]


def test_everybody_sees_the_names_and_the_administrators(bench: PeopleBench) -> None:
    seen = {user.name: user for user in accepted(bench.ask("minji").get("/v1/users"), list[models.User])}
    assert [name for name, user in seen.items() if user.admin] == ["root"]
    assert seen["olga"].teams == {"churn": Role.OWNER}
    assert seen["oscar"].teams == {}  # another team's people are its own
    assert (seen["minji"].password, seen["olga"].password) == (True, False)
    all_ = {user.name: user for user in accepted(bench.ask("root").get("/v1/users"), list[models.User])}
    assert all_["oscar"].teams == {"shopping": Role.OWNER}


# --- The own password ---


def test_a_person_changes_the_own_password_by_showing_it(bench: PeopleBench) -> None:
    minji, new = bench.ask("minji"), "a new long password"
    refused(minji.put("/v1/users/minji/password", json={"password": new}), 403, "present password")
    refused(minji.put("/v1/users/minji/password", json={"password": new, "current": "wrong"}), 403, "wrong")
    body = {"password": new, "current": PASSWORD}
    refused(minji.put("/v1/users/olga/password", json=body), 403, "no administrator")
    accepted(minji.put("/v1/users/minji/password", json=body), models.Done)
    accepted(bench.ask().post("/v1/login", json={"name": "minji", "password": new}), models.NewToken)
    refused(bench.ask().post("/v1/login", json={"name": "minji", "password": PASSWORD}), 403)


def test_a_stolen_token_does_not_become_a_password(bench: PeopleBench) -> None:
    """Of an account without one: whoever signs in at the identity provider."""
    body = {"password": "a new long password", "current": ""}
    refused(bench.ask("bora").put("/v1/users/bora/password", json=body), 403, "wrong")


def test_an_administrator_gives_anybody_a_password(bench: PeopleBench) -> None:
    accepted(bench.ask("root").put("/v1/users/bora/password", json={"password": PASSWORD}), models.Done)
    accepted(bench.ask().post("/v1/login", json={"name": "bora", "password": PASSWORD}), models.NewToken)
    refused(bench.ask("root").put("/v1/users/nobody/password", json={"password": PASSWORD}), 404)


# --- The identity provider's people ---


def test_an_account_is_connected_by_an_administrator(tmp_path: Path) -> None:
    bench = PeopleBench(tmp_path, oidc=Oidc("https://id.example", "jinsu"))
    bench.person("root", admin=True)
    bench.person("minji")
    bench.person("joon")
    root = bench.ask("root")
    accepted(root.put("/v1/users/minji/subject", json={"subject": "s-1"}), models.Done)
    refused(root.put("/v1/users/joon/subject", json={"subject": "s-1"}), 409, "is minji here")
    assert {row.name: row.subject for row in bench.rows(tables.Account)}["minji"] == "https://id.example|s-1"
    assert bench.audited(AuditEvent.IDENTITY_LINKED) == [("root", "minji", "https://id.example|s-1")]
    assert {user.name: user.linked for user in accepted(root.get("/v1/users"), list[models.User])}["minji"]


# --- Tokens ---


def test_a_person_makes_lists_and_revokes_own_tokens(bench: PeopleBench) -> None:
    minji = bench.ask("minji")
    made = accepted(minji.post("/v1/tokens", json={"label": "ci", "days": 7}), models.NewToken)
    assert made.expires == pytest.approx(time.time() + 7 * 86400, abs=60)
    listed = accepted(minji.get("/v1/tokens"), list[models.Token])
    assert [token.label for token in listed] == ["", "ci"]
    assert made.token not in repr(listed)
    assert len(accepted(bench.ask("bora").get("/v1/tokens"), list[models.Token])) == 1

    refused(bench.ask("bora").delete(f"/v1/tokens/{made.id}"), 404, f"bora has no token '{made.id}'")
    accepted(minji.delete(f"/v1/tokens/{made.id}"), models.Done)
    assert bench.ask().get("/v1/me", headers={"authorization": f"Bearer {made.token}"}).status_code == 401
    refused(minji.delete(f"/v1/tokens/{made.id}"), 404)
    assert bench.audited(AuditEvent.TOKEN_REVOKED) == [("minji", "minji", f"{made.id} ci")]


@pytest.mark.parametrize("days", [0, -1, 366, 10**9, 1.5, "x", None])
def test_a_token_lives_a_year_at_most(bench: PeopleBench, days: Any) -> None:
    refused(bench.ask("minji").post("/v1/tokens", json={"days": days}), 422, "days")


def test_a_command_line_signs_out_by_ending_its_token(bench: PeopleBench) -> None:
    minji = bench.ask("minji")
    accepted(minji.delete("/v1/tokens/current"), models.Done)
    refused(minji.get("/v1/me"), 401)


def test_a_rotated_token_ends_and_the_new_one_lives_as_long(bench: PeopleBench) -> None:
    minji = bench.ask("minji")
    made = accepted(minji.post("/v1/tokens", json={"label": "ci", "days": 7}), models.NewToken)
    refused(bench.ask("bora").post(f"/v1/tokens/{made.id}/rotate"), 404)
    new = accepted(minji.post(f"/v1/tokens/{made.id}/rotate"), models.NewToken)
    assert (new.label, new.expires) == ("ci", pytest.approx(time.time() + 7 * 86400, abs=60))
    assert new.token != made.token
    for token, status in ((made, 401), (new, 200)):
        answer = bench.ask().get("/v1/me", headers={"authorization": f"Bearer {token.token}"})
        assert answer.status_code == status
    refused(minji.post(f"/v1/tokens/{made.id}/rotate"), 404)
    own = accepted(minji.post("/v1/tokens/current/rotate"), models.NewToken)
    refused(minji.get("/v1/me"), 401)
    assert own.person == "minji"


def test_a_session_is_no_token_to_rotate(bench: PeopleBench) -> None:
    browser = bench.browser("minji")
    refused(browser.post("/v1/tokens/current/rotate"), 422, "no token")
    (session,) = [row.id for row in bench.rows(tables.Token) if row.use is TokenUse.SESSION]
    refused(browser.post(f"/v1/tokens/{session}/rotate"), 404)
    assert accepted(browser.get("/v1/me"), models.Me).token is None


def test_a_token_that_lives_for_ever_is_rotated_into_one_that_ends(bench: PeopleBench) -> None:
    with bench.database.begin() as session:
        tokens.keep(session, "root", TokenUse.API, "jinsu_boot", label="bootstrap", lifetime=None)
    made = bench.ask().post("/v1/tokens/current/rotate", headers={"authorization": "Bearer jinsu_boot"})
    assert accepted(made, models.NewToken).expires is not None
    with bench.database.begin() as session:  # as every upgrade does
        tokens.keep(session, "root", TokenUse.API, "jinsu_boot", label="bootstrap", lifetime=None)
    refused(bench.ask().get("/v1/me", headers={"authorization": "Bearer jinsu_boot"}), 401)


# --- Teams ---


@pytest.mark.parametrize(("who", "may"), [("root", True), ("olga", True), ("bora", False), ("minji", False), ("oscar", False)])  # fmt: skip
@pytest.mark.parametrize("role", [*Role, None])
def test_roles_are_set_by_the_teams_owners_and_administrators(
    bench: PeopleBench, who: str, may: bool, role: Role | None
) -> None:
    answer = bench.ask(who).put("/v1/teams/churn/members/minji", json={"role": role})
    if may:
        accepted(answer, models.Done)
        assert bench.roles("minji").get("churn") is role
        return
    here = "not in team churn" if who == "oscar" else "of team churn"
    refused(answer, 403, here, "this needs an owner")
    assert bench.roles("minji") == {"churn": Role.RESEARCHER}


def test_nobody_gives_themselves_a_role(bench: PeopleBench) -> None:
    for who, team in (("oscar", "churn"), ("minji", "churn"), ("olga", "shopping")):
        refused(bench.ask(who).put(f"/v1/teams/{team}/members/{who}", json={"role": "owner"}), 403)
    bench.ask("root").put("/v1/teams/churn/members/root", json={"role": "researcher"})
    assert bench.audited(AuditEvent.MEMBER_CHANGED)[-1] == ("root", "root in churn", "none -> researcher")


def test_a_role_is_for_somebody_in_something(bench: PeopleBench) -> None:
    root = bench.ask("root")
    refused(root.put("/v1/teams/churn/members/nobody", json={"role": "owner"}), 404, "'nobody' does not exist")
    refused(root.put("/v1/teams/nowhere/members/minji", json={"role": "owner"}), 404, "'nowhere' does not exist")
    refused(root.put("/v1/teams/churn/members/minji", json={"role": "admin"}), 422, "role")


def test_a_teams_members_are_seen_by_its_members(bench: PeopleBench) -> None:
    for who in ("minji", "root"):
        members = accepted(bench.ask(who).get("/v1/teams/churn/members"), list[models.Member])
        assert [(member.person, member.role) for member in members] == [
            ("bora", Role.REVIEWER), ("minji", Role.RESEARCHER), ("olga", Role.OWNER),
        ]  # fmt: skip
    refused(bench.ask("oscar").get("/v1/teams/churn/members"), 403, "not in team churn")
    refused(bench.ask("root").get("/v1/teams/nowhere/members"), 404, "does not exist")
    teams = accepted(bench.ask("oscar").get("/v1/teams"), list[models.Team])
    assert [(team.name, team.role) for team in teams] == [
        ("churn", None), ("default", None), ("shopping", Role.OWNER),
    ]  # fmt: skip


def test_a_team_ends_with_its_memberships_policies_and_grants(bench: PeopleBench) -> None:
    root = bench.ask("root")
    accepted(root.post("/v1/teams", json={"name": "fraud"}), models.Done)
    refused(root.post("/v1/teams", json={"name": "fraud"}), 409)
    refused(root.post("/v1/teams", json={"name": "Fraud Squad"}), 422, "lower-case letters")
    accepted(root.put("/v1/teams/fraud/members/minji", json={"role": "owner"}), models.Done)
    accepted(root.put("/v1/teams/fraud/policy", json={"document": {"review": {"approvers": 2}}}), models.Policy)
    own_something(bench, "churn")
    accepted(bench.ask("olga").post("/v1/grants", json={"kind": "model", "name": "toy", "team": "fraud"}), models.Done)
    accepted(root.delete("/v1/teams/fraud"), models.Done)
    assert "fraud" not in bench.roles("minji")
    assert bench.rows(tables.Grant) == []
    refused(root.delete("/v1/teams/churn"), 409, "owns problem 'toy'")


# --- Policies ---


def test_a_policy_has_versions(bench: PeopleBench) -> None:
    root, minji = bench.ask("root"), bench.ask("minji")
    first = accepted(minji.get("/v1/teams/churn/policy"), models.Policy)
    assert (first.version, first.document) == (0, {})
    for approvers in (2, 2, 3):
        put = {"document": {"review": {"approvers": approvers}}}
        accepted(root.put("/v1/teams/churn/policy", json=put), models.Policy)
    history = accepted(minji.get("/v1/teams/churn/policy/history"), list[models.Policy])
    assert [(policy.version, policy.by) for policy in history] == [(2, "root"), (1, "root"), (0, None)]
    assert history[0].document == {"review": {"approvers": 3}}
    refused(bench.ask("oscar").get("/v1/teams/churn/policy"), 403)
    refused(root.put("/v1/teams/churn/policy", json={"document": {"reviews": {}}}), 422, "policy.yaml", "unknown field")
    refused(root.put("/v1/teams/churn/policy", json={"document": {"review": {"approvers": -1}}}), 422, "approvers")
    refused(root.put("/v1/teams/nowhere/policy", json={"document": {}}), 404)
    assert [detail for _, _, detail in bench.audited(AuditEvent.POLICY_PUT)] == ["version 1", "version 2"]


# --- Grants ---


def own_something(bench: PeopleBench, team: str) -> None:
    """The team owns the problem, the model and the dataset `toy`."""
    with bench.database.begin() as session:
        about = {"name": "toy", "team": team, "by": "olga", "created": 1.0}
        session.add(tables.Dataset(**about))
        session.add(tables.Problem(**about, dataset="toy", inline=False))
        session.flush()
        session.add(tables.Model(**about, problem="toy"))


@pytest.mark.parametrize("kind", ["problem", "model", "dataset"])
def test_an_owner_lets_another_team_read(bench: PeopleBench, kind: str) -> None:
    own_something(bench, "churn")
    body, path = {"kind": kind, "name": "toy", "team": "shopping"}, f"/v1/grants/{kind}/toy/shopping"
    for who in ("minji", "bora", "root"):
        refused(bench.ask(who).post("/v1/grants", json=body), 403, "needs an owner")
        refused(bench.ask(who).delete(path), 403)
    refused(bench.ask("oscar").post("/v1/grants", json=body), 404, "no team of oscar may see it")
    refused(bench.ask("oscar").delete(path), 404)
    olga = bench.ask("olga")
    for _ in range(2):
        accepted(olga.post("/v1/grants", json=body), models.Done)
    for who, seen in (("olga", 1), ("oscar", 1), ("root", 1)):
        assert len(accepted(bench.ask(who).get("/v1/grants"), list[models.Grant])) == seen
    bench.person("carl", fraud="owner")
    assert accepted(bench.ask("carl").get("/v1/grants"), list[models.Grant]) == []
    accepted(olga.delete(path), models.Done)
    refused(olga.delete(path), 404, "has no grant")
    assert len(bench.audited(AuditEvent.GRANTED)) == len(bench.audited(AuditEvent.GRANT_TAKEN)) == 1


def test_a_grant_is_for_something_that_there_is_and_another_team(bench: PeopleBench) -> None:
    own_something(bench, "churn")
    olga = bench.ask("olga")
    refused(olga.post("/v1/grants", json={"kind": "model", "name": "none", "team": "shopping"}), 404, "does not exist")
    refused(olga.post("/v1/grants", json={"kind": "model", "name": "toy", "team": "nowhere"}), 404, "'nowhere'")
    refused(olga.post("/v1/grants", json={"kind": "model", "name": "toy", "team": "churn"}), 422, "reads it anyway")
    refused(olga.post("/v1/grants", json={"kind": "run", "name": "toy", "team": "shopping"}), 422, "kind")


# --- The audit log ---


def test_administrators_see_the_whole_log_and_others_their_own_deeds(bench: PeopleBench) -> None:
    bench.ask().post("/v1/login", json={"name": "minji", "password": "wrong"})
    bench.ask().post("/v1/login", json={"name": "\u001b[2Jminji"[4:], "password": PASSWORD})
    everything = accepted(bench.ask("root").get("/v1/audit?limit=1000"), list[models.AuditEntry])
    assert {entry.actor for entry in everything} >= {"test", "minji", "root"}
    assert [entry.at for entry in everything] == sorted((entry.at for entry in everything), reverse=True)
    own = accepted(bench.ask("minji").get("/v1/audit"), list[models.AuditEntry])
    assert {entry.actor for entry in own} == {"minji"}
    assert {AuditEvent.SIGN_IN_REFUSED, AuditEvent.SIGNED_IN, AuditEvent.TOKEN_MADE} <= {entry.event for entry in own}
    assert len(accepted(bench.ask("root").get("/v1/audit?limit=2"), list[models.AuditEntry])) == 2
    refused(bench.ask("root").get("/v1/audit?limit=0"), 422)


def test_the_log_holds_no_secret_and_nothing_that_a_terminal_acts_on(bench: PeopleBench) -> None:
    bench.browser().post("/login", data={"name": "\x1b[2Jboo", "password": "a secret typed here"})
    token = bench.ask("root").post("/v1/tokens", json={"label": "ci"}).json()["token"]
    shown = bench.ask("root").get("/v1/audit").text
    assert "a secret typed here" not in shown
    assert token not in shown
    assert "\\u001b" not in shown
    assert "boo" in shown
