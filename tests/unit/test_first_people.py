"""The accounts, tokens, teams and policies that an installation begins with; a second start changes none of them."""

import getpass
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.people_bench import PeopleBench

from jinsu.cluster import migrate as cluster
from jinsu.errors import BadInputError
from jinsu.home import FIRST_PASSWORD
from jinsu.identity import accounts, policies, tokens
from jinsu.identity.people import Person
from jinsu.local import migrate as local
from jinsu.spec.policy import PolicySpec
from jinsu.state import tables
from jinsu.state.states import Role, TokenUse

PASSWORD = "a first password"


@pytest.fixture(autouse=True, scope="module")
def cheap_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jinsu.identity.passwords._COST", 2**4)
        yield


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PeopleBench:
    monkeypatch.setattr(getpass, "getuser", lambda: "minji")
    return PeopleBench(tmp_path, teams_approving_themselves=("default", "solo"))


def home(bench: PeopleBench) -> Path:
    return Path(bench.settings.home)


def token_in(bench: PeopleBench) -> str:
    return (home(bench) / "token").read_text()


def who(bench: PeopleBench, token: str) -> Person | None:
    return tokens.recognise(bench.database, token, TokenUse.API)


def policy(bench: PeopleBench, team: str) -> tuple[int, int, bool]:
    with bench.database.begin() as session:
        found = policies.policy_of(session, team)
    return found.version, found.spec.review.approvers, found.spec.review.self_approval


# --- On this machine ---


def test_the_user_of_this_machine_administers_it_and_owns_the_default_team(bench: PeopleBench) -> None:
    local.migrate_jinsu(bench.settings)
    person = who(bench, token_in(bench))
    assert person is not None
    assert (person.name, person.admin, dict(person.teams)) == ("minji", True, {"default": Role.OWNER})
    (token,) = bench.rows(tables.Token)
    assert (token.label, token.expires) == ("this machine", None)
    assert {row.name for row in bench.rows(tables.Account)} == {"minji"}  # nobody is shared
    assert not (home(bench) / "tokens" / "reviewer").exists()
    assert policy(bench, "default") == policy(bench, "solo") == (1, 0, True)


def test_the_first_password_signs_in_and_lies_in_a_file_for_its_owner(bench: PeopleBench) -> None:
    local.migrate_jinsu(bench.settings)
    path = home(bench) / FIRST_PASSWORD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((home(bench) / "token").stat().st_mode) == 0o600
    told = json.loads(path.read_text())
    assert told == {"name": "minji", "password": bench.settings.airflow.password}
    assert bench.browser().post("/login", data=told).status_code == 303


def test_a_second_start_resets_nothing(bench: PeopleBench) -> None:
    local.migrate_jinsu(bench.settings)
    token = token_in(bench)
    with bench.database.begin() as session:
        accounts.set_password(session, "minji", "another long password", actor="minji")
        policies.put_policy(session, "default", PolicySpec(), actor="minji")
        accounts.add_person(session, "root", actor="minji", admin=True)
        accounts.set_admin(session, "minji", False, actor="root")
        accounts.set_role(session, "minji", "default", Role.RESEARCHER, actor="root")
    before = len(bench.rows(tables.AuditEntry))
    local.migrate_jinsu(bench.settings)
    person = who(bench, token_in(bench))
    assert person is not None
    assert token_in(bench) == token
    assert (person.admin, dict(person.teams)) == (False, {"default": Role.RESEARCHER})
    assert (
        bench.browser().post("/login", data={"name": "minji", "password": "another long password"}).status_code == 303
    )
    assert policy(bench, "default") == (2, 1, False)
    assert len(bench.rows(tables.AuditEntry)) == before + 1  # the sign-in of this test


def test_a_token_that_was_revoked_stays_so(bench: PeopleBench) -> None:
    local.migrate_jinsu(bench.settings)
    with bench.database.begin() as session:
        tokens.end(session, token_in(bench))
    local.migrate_jinsu(bench.settings)
    assert who(bench, token_in(bench)) is None


def test_a_person_who_was_removed_does_not_come_back(bench: PeopleBench) -> None:
    local.migrate_jinsu(bench.settings)
    with bench.database.begin() as session:
        accounts.add_person(session, "root", actor="minji", admin=True)
        accounts.remove_person(session, "minji", actor="root")
    local.migrate_jinsu(bench.settings)
    assert who(bench, token_in(bench)) is None
    assert bench.roles("minji") == {}


def test_a_home_of_version_0_1_keeps_its_token_and_gets_a_password(bench: PeopleBench) -> None:
    """Its people came with the migration: without a password, with the tokens whose files lie in the home."""
    bench.person("minji", admin=True, default="owner")
    bench.person("reviewer", default="reviewer")
    for name in ("minji", "reviewer"):
        path = home(bench) / "tokens" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(bench.token(name))
    (home(bench) / "token").symlink_to(home(bench) / "tokens" / "minji")
    token = token_in(bench)
    local.migrate_jinsu(bench.settings)
    assert token_in(bench) == token
    assert who(bench, token) is not None
    assert who(bench, (home(bench) / "tokens" / "reviewer").read_text()) is not None
    told = {"name": "minji", "password": bench.settings.airflow.password}
    assert bench.browser().post("/login", data=told).status_code == 303


@pytest.mark.parametrize("name", ["airflow", "jinsu", "DOMAIN\\minji", "", None])
def test_a_machine_whose_users_name_nobody_can_have_has_an_admin(
    bench: PeopleBench, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    def getuser() -> str:
        if name is None:
            raise KeyError("getpwuid(): uid not found: 1234")
        return name

    monkeypatch.setattr(getpass, "getuser", getuser)
    local.migrate_jinsu(bench.settings)
    person = who(bench, token_in(bench))
    assert person is not None
    assert person.name == "admin"


# --- On Kubernetes ---


def start(
    bench: PeopleBench,
    token: str = "jinsu_one",
    teams: tuple[str, ...] = ("churn",),
    approving: tuple[str, ...] = (),
    policies: dict[str, Any] | None = None,
) -> None:
    namespaces = {team: f"jinsu-{team}" for team in teams}
    settings: Any = SimpleNamespace(
        on_kubernetes=SimpleNamespace(steps=SimpleNamespace(namespaces=namespaces)),
        teams_approving_themselves=approving,
        policies=policies or {},
    )
    with bench.database.begin() as session:
        cluster.ensure_people(session, settings, token)


def test_the_bootstrap_administrator_has_the_secrets_token(bench: PeopleBench) -> None:
    start(bench, "jinsu_one", ("churn", "fraud"), ("fraud",))
    person = who(bench, "jinsu_one")
    assert person is not None
    assert (person.name, person.admin, dict(person.teams)) == ("admin", True, {})
    assert [(row.label, row.expires) for row in bench.rows(tables.Token)] == [("bootstrap", None)]
    assert {"churn", "fraud"} <= {row.name for row in bench.rows(tables.Team)}
    assert policy(bench, "fraud") == (1, 1, True)
    assert policy(bench, "churn") == (0, 1, False)
    before = len(bench.rows(tables.AuditEntry))
    start(bench, "jinsu_one", ("churn", "fraud"), ("fraud",))
    assert len(bench.rows(tables.AuditEntry)) == before


def test_a_bootstrap_token_that_was_revoked_stays_so(bench: PeopleBench) -> None:
    start(bench, "jinsu_one")
    with bench.database.begin() as session:
        (row,) = tokens.of(session, "admin")
        tokens.revoke(session, "admin", row.id, actor="admin")
    start(bench, "jinsu_one")
    assert who(bench, "jinsu_one") is None


def test_another_secret_ends_the_token_before_and_no_other(bench: PeopleBench) -> None:
    start(bench, "jinsu_one")
    own = bench.token("admin", label="laptop")
    start(bench, "jinsu_two")
    assert who(bench, "jinsu_one") is None
    assert who(bench, "jinsu_two") is not None
    assert who(bench, own) is not None


def test_the_token_of_version_0_1_goes_on_and_is_replaced_like_any(bench: PeopleBench) -> None:
    bench.person("admin", admin=True, default="owner")
    with bench.database.begin() as session:
        tokens.keep(session, "admin", TokenUse.API, "jinsu_old", label="from version 0.1", lifetime=None)
    start(bench, "jinsu_old")
    assert who(bench, "jinsu_old") is not None
    assert bench.roles("admin") == {"default": Role.OWNER}
    start(bench, "jinsu_new")
    assert who(bench, "jinsu_old") is None


def test_an_administrator_who_was_removed_stays_removed(bench: PeopleBench) -> None:
    start(bench, "jinsu_one")
    bench.person("root", admin=True)
    with bench.database.begin() as session:
        accounts.remove_person(session, "admin", actor="root")
    for token in ("jinsu_one", "jinsu_two"):
        start(bench, token)
        assert who(bench, token) is None
    with bench.database.begin() as session:
        assert session.scalar(select(tables.Account.left).where(tables.Account.name == "admin")) is not None


def test_a_policy_that_a_team_has_stays(bench: PeopleBench) -> None:
    start(bench, "jinsu_one")
    with bench.database.begin() as session:
        policies.put_policy(session, "churn", PolicySpec(), actor="admin")
    start(bench, "jinsu_one", approving=("churn",))
    assert policy(bench, "churn") == (1, 1, False)


# --- The first team, and the chart's policies ---


def test_the_first_administrator_owns_the_team_of_a_trial_until_somebody_takes_the_role(bench: PeopleBench) -> None:
    start(bench, teams=("default", "fraud"))
    assert bench.roles("admin") == {"default": "owner"}
    with bench.database.begin() as session:
        accounts.set_role(session, "admin", "default", None, actor="admin")
    start(bench, teams=("default", "fraud"))
    assert bench.roles("admin") == {}


def test_a_policy_of_the_chart_is_the_teams_and_follows_the_chart(bench: PeopleBench) -> None:
    start(bench, policies={"churn": {"review": {"approvers": 2}}})
    assert policy(bench, "churn") == (1, 2, False)
    start(bench, policies={"churn": {"review": {"approvers": 2}}})
    assert policy(bench, "churn") == (1, 2, False)
    start(bench, policies={"churn": {"review": {"approvers": 3}}})
    assert policy(bench, "churn") == (2, 3, False)
    start(bench, approving=("churn",))
    assert policy(bench, "churn") == (3, 1, True)


def test_a_policy_that_a_person_put_stays(bench: PeopleBench, caplog: pytest.LogCaptureFixture) -> None:
    start(bench, policies={"churn": {"review": {"approvers": 2}}})
    with bench.database.begin() as session:
        policies.put_policy(session, "churn", PolicySpec.model_validate({"review": {"approvers": 4}}), actor="olga")
    start(bench, policies={"churn": {"review": {"approvers": 2}}})
    assert policy(bench, "churn") == (2, 4, False)
    assert caplog.messages == ["team churn keeps version 2 of its policy, which olga put"]


def test_a_policy_of_the_chart_that_is_none_is_refused_by_the_name_of_its_line(bench: PeopleBench) -> None:
    with pytest.raises(BadInputError, match=r"^policy of team churn: review\.approver"):
        start(bench, policies={"churn": {"review": {"approver": 2}}})
