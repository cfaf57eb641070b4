"""The command line signs people in and out, keeps their tokens, and shows people, teams, grants and the audit log."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner, Result
from tests.support.people_bench import API, PASSWORD, InProcess, PeopleBench

from jinsu import settings as configuration
from jinsu.cli.main import cli
from jinsu.errors import BadInputError, ForbiddenError, NotFoundError
from jinsu.identity import tokens
from jinsu.settings import Oidc
from jinsu.state import tables
from jinsu.state.states import Role, TokenUse

ELSEWHERE = "https://jinsu.example.com"
Jinsu = Callable[..., Result]


@pytest.fixture(autouse=True, scope="module")
def cheap_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jinsu.identity.passwords._COST", 2**4)
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a platform on this machine would be; there is none until a test makes it."""
    found = tmp_path / "home"
    monkeypatch.setenv("JINSU_HOME", str(found))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("JINSU_API", ELSEWHERE)
    monkeypatch.delenv("JINSU_TOKEN", raising=False)
    configuration.load.cache_clear()
    return found


@pytest.fixture
def bench(tmp_path: Path) -> PeopleBench:
    found = PeopleBench(tmp_path)
    found.person("root", admin=True, password=PASSWORD)
    found.person("minji", password=PASSWORD, churn="owner")
    return found


@pytest.fixture
def jinsu(bench: PeopleBench, home: Path, monkeypatch: pytest.MonkeyPatch) -> Jinsu:
    """Runs the command; every request reaches the API of the bench, whatever its address."""
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **more: client(**more, transport=InProcess(bench.app)))

    def run(*words: str, typed: str = "") -> Result:
        return CliRunner().invoke(cli, list(words), input=typed)

    return run


@pytest.fixture
def local(home: Path, bench: PeopleBench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform on this machine, with a token of root."""
    monkeypatch.delenv("JINSU_API")
    (home / "tokens").mkdir(parents=True)
    (home / "tokens" / "root").write_text(bench.token("root"))
    (home / "token").symlink_to(home / "tokens" / "root")
    from dataclasses import replace

    replace(bench.settings, home=str(home)).write()
    configuration.load.cache_clear()
    return home


def done(result: Result) -> str:
    assert result.exception is None, (result.exception, result.output)
    return result.output


def kept(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "config" / "jinsu" / "tokens.json").read_text())


def signed_in(jinsu: Jinsu, name: str = "minji") -> None:
    done(jinsu("login", name, "--password-stdin", typed=f"{PASSWORD}\n"))


# --- Signing in ---


def test_a_password_is_typed_unseen_and_gives_a_token_that_is_kept_by_address(jinsu: Jinsu, tmp_path: Path) -> None:
    shown = done(jinsu("login", typed=f"minji\n{PASSWORD}\n"))
    assert "signed in to https://jinsu.example.com as minji" in shown
    assert PASSWORD not in shown
    path = tmp_path / "config" / "jinsu" / "tokens.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    token = kept(tmp_path)[ELSEWHERE]["token"]
    assert token not in shown
    assert "minji, at https://jinsu.example.com" in done(jinsu("whoami"))
    assert "owner of team churn" in done(jinsu("whoami"))


def test_a_second_platform_leaves_the_first_ones_token(
    jinsu: Jinsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(jinsu)
    monkeypatch.setenv("JINSU_API", "https://other.example.com/")
    signed_in(jinsu, "root")
    assert {address: found["name"] for address, found in kept(tmp_path).items()} == {
        ELSEWHERE: "minji", "https://other.example.com": "root",
    }  # fmt: skip
    assert "root" in done(jinsu("whoami"))


def test_a_wrong_password_keeps_nothing(jinsu: Jinsu, tmp_path: Path) -> None:
    refused = jinsu("login", "minji", "--password-stdin", typed="wrong\n")
    assert isinstance(refused.exception, ForbiddenError)
    assert not (tmp_path / "config").exists()


def test_signing_out_ends_the_token_and_forgets_it(jinsu: Jinsu, bench: PeopleBench, tmp_path: Path) -> None:
    signed_in(jinsu)
    token = kept(tmp_path)[ELSEWHERE]["token"]
    done(jinsu("logout"))
    assert kept(tmp_path) == {}
    assert tokens.recognise(bench.database, token, TokenUse.API) is None
    assert isinstance(jinsu("whoami").exception, ForbiddenError)


def test_signing_out_with_a_token_that_ended_forgets_it_too(jinsu: Jinsu, bench: PeopleBench, tmp_path: Path) -> None:
    signed_in(jinsu)
    with bench.database.begin() as session:
        tokens.revoke_all(session, "minji")
    assert isinstance(jinsu("logout").exception, ForbiddenError)
    assert kept(tmp_path) == {}


def test_a_token_of_the_environment_goes_first_and_no_other_is_touched(
    jinsu: Jinsu, bench: PeopleBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(jinsu)
    monkeypatch.setenv("JINSU_TOKEN", bench.token("root"))
    assert "root, an administrator" in done(jinsu("whoami"))
    done(jinsu("logout"))
    assert isinstance(jinsu("whoami").exception, ForbiddenError)
    monkeypatch.delenv("JINSU_TOKEN")
    assert "minji" in done(jinsu("whoami"))


def test_a_browser_confirms_where_an_identity_provider_signs_in(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = PeopleBench(tmp_path, oidc=Oidc("https://id.example", "jinsu"))
    bench.person("minji")
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **more: client(**more, transport=InProcess(bench.app)))
    waited: list[float] = []

    def confirm(seconds: float) -> None:
        waited.append(seconds)
        (row,) = bench.rows(tables.SignInRequest)
        with bench.database.begin() as session:
            session.get_one(tables.SignInRequest, row.device).person = "minji"

    monkeypatch.setattr("time.sleep", confirm)
    shown = CliRunner().invoke(cli, ["login"])
    assert "as minji" in done(shown)
    assert re.search(rf"Open {API}/login/device\?code=(\w{{4}}-\w{{4}})\nand compare this code: \1", shown.output)
    assert waited == [2.0]
    assert kept(tmp_path)[ELSEWHERE]["name"] == "minji"


# --- The platform on this machine ---


def test_this_machines_token_is_used_without_signing_in(jinsu: Jinsu, local: Path) -> None:
    assert "root, an administrator, at http://127.0.0.1:7700" in done(jinsu("whoami"))


def test_signing_in_as_another_replaces_the_link_and_no_other_file(
    jinsu: Jinsu, local: Path, bench: PeopleBench
) -> None:
    before = (local / "tokens" / "root").read_text()
    signed_in(jinsu)
    assert (local / "tokens" / "root").read_text() == before
    assert not (local / "token").is_symlink()
    assert stat.S_IMODE((local / "token").stat().st_mode) == 0o600
    assert "minji" in done(jinsu("whoami"))


def test_this_machines_token_is_shown_to_no_other_platform(
    jinsu: Jinsu, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINSU_API", ELSEWHERE)
    refused = jinsu("whoami").exception
    assert isinstance(refused, ForbiddenError)
    assert f"not signed in to {ELSEWHERE}: jinsu login" in str(refused)
    monkeypatch.setenv("JINSU_API", API)  # the same platform by its address
    assert "root" in done(jinsu("whoami"))


def test_a_rotated_token_is_kept_in_place_of_the_one_before(jinsu: Jinsu, local: Path, bench: PeopleBench) -> None:
    before = (local / "token").read_text()
    shown = done(jinsu("token", "rotate"))
    after = (local / "token").read_text()
    assert after != before
    assert after not in shown
    assert tokens.recognise(bench.database, before, TokenUse.API) is None
    assert "root" in done(jinsu("whoami"))


def test_without_a_platform_both_ways_to_one_are_named(jinsu: Jinsu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JINSU_API")
    for words in (["whoami"], ["login"]):
        problem = jinsu(*words).exception
        assert isinstance(problem, NotFoundError)
        assert "jinsu up" in str(problem)
        assert "JINSU_API" in str(problem)


# --- The file of tokens ---


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": "b"}', "\xff"])
def test_a_file_that_cannot_be_read_is_named(jinsu: Jinsu, tmp_path: Path, text: str) -> None:
    path = tmp_path / "config" / "jinsu" / "tokens.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    problem = jinsu("whoami").exception
    assert isinstance(problem, BadInputError)
    assert f"{path}: cannot be read; remove it" in str(problem)


def test_a_relative_folder_of_configuration_is_not_one(
    jinsu: Jinsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The XDG specification says so: https://specifications.freedesktop.org/basedir-spec"""
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.chdir(tmp_path)
    signed_in(jinsu)
    assert (tmp_path / "person" / ".config" / "jinsu" / "tokens.json").exists()


# --- No secret is an argument ---


def parameters(command: click.Command, path: str = "jinsu") -> Iterator[tuple[str, click.Parameter]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from parameters(found, f"{path} {name}")
    for parameter in command.params:
        yield path, parameter


def test_no_command_takes_a_password_or_a_token_as_an_argument() -> None:
    """Arguments are seen by everybody on the machine, and stay in the history of the shell."""
    found = [
        (path, parameter.name)
        for path, parameter in parameters(cli)
        if re.search("password|token|secret", parameter.name or "")
        and not (isinstance(parameter, click.Option) and parameter.is_flag)
    ]
    assert found == []


def test_a_new_token_is_shown_alone_on_standard_output(jinsu: Jinsu, bench: PeopleBench) -> None:
    signed_in(jinsu)
    made = jinsu("token", "create", "ci", "--days", "7")
    done(made)
    person = tokens.recognise(bench.database, made.stdout.strip(), TokenUse.API)
    assert person is not None
    assert person.name == "minji"
    assert isinstance(jinsu("token", "create", "ci", "--days", "400").exception, SystemExit)
    listed = done(jinsu("token", "list"))
    assert "ci" in listed
    assert made.stdout.strip() not in listed
    (identity,) = [
        found["id"] for found in json.loads(done(jinsu("token", "list", "--json"))) if found["label"] == "ci"
    ]
    rotated = jinsu("token", "rotate", identity)
    assert tokens.recognise(bench.database, done(rotated) and rotated.stdout.strip(), TokenUse.API) is not None
    assert isinstance(jinsu("token", "revoke", identity).exception, NotFoundError)


# --- People, teams, grants, the log ---


def test_an_administrator_adds_changes_and_removes_people(jinsu: Jinsu, bench: PeopleBench) -> None:
    signed_in(jinsu, "root")
    done(jinsu("user", "add", "carl", typed=f"{PASSWORD}\n{PASSWORD}\n"))
    done(jinsu("user", "add", "dana", "--password-stdin", typed=f"{PASSWORD}\n"))
    done(jinsu("user", "add", "eli", "--no-password"))
    done(jinsu("user", "admin", "carl"))
    done(jinsu("user", "admin", "carl", "--off"))
    done(jinsu("user", "password", "carl", "--password-stdin", typed="another long one\n"))
    listed = {row["name"]: row for row in json.loads(done(jinsu("user", "list", "--json")))}
    assert (listed["carl"]["password"], listed["eli"]["password"], listed["carl"]["admin"]) == (True, False, False)
    assert "carl" in done(jinsu("user", "list"))
    done(jinsu("user", "remove", "carl"))
    assert isinstance(jinsu("user", "remove", "minji#/../root").exception, NotFoundError)
    assert isinstance(jinsu("user", "remove", "minji?x").exception, NotFoundError)
    assert {row.name for row in bench.rows(tables.Account) if row.left is None} == {"root", "minji", "dana", "eli"}
    assert isinstance(jinsu("user", "link", "eli", "s-1").exception, BadInputError)
    assert "person removed" in done(jinsu("audit", "--limit", "5"))


def test_a_person_changes_the_own_password(jinsu: Jinsu) -> None:
    signed_in(jinsu)
    new = "a new long password"
    done(jinsu("user", "password", typed=f"{PASSWORD}\n{new}\n{new}\n"))
    done(jinsu("user", "password", "--password-stdin", typed=f"{new}\n{PASSWORD}\n"))
    signed_in(jinsu)


def test_teams_roles_policies_and_grants(jinsu: Jinsu, bench: PeopleBench, tmp_path: Path) -> None:
    signed_in(jinsu, "root")
    done(jinsu("team", "add", "fraud"))
    done(jinsu("team", "set-role", "fraud", "minji", "reviewer"))
    assert bench.roles("minji") == {"churn": Role.OWNER, "fraud": Role.REVIEWER}
    assert "minji" in done(jinsu("team", "show", "fraud"))
    done(jinsu("team", "set-role", "fraud", "minji", "none"))
    assert "fraud" in done(jinsu("team", "list"))
    path = tmp_path / "policy.yaml"
    path.write_text("review: {approvers: 2}\n")
    assert "version 1, by root\nreview:\n  approvers: 2" in done(jinsu("team", "policy", "put", "churn", str(path)))
    assert "approvers: 2" in done(jinsu("team", "policy", "show", "churn"))
    assert "the defaults" in done(jinsu("team", "policy", "show", "fraud"))
    assert "root" in done(jinsu("team", "policy", "history", "churn"))
    path.write_text("reviews: {}\n")
    problem = jinsu("team", "policy", "put", "churn", str(path)).exception
    assert isinstance(problem, BadInputError)
    assert str(path) in str(problem)
    with bench.database.begin() as session:
        session.add(tables.Dataset(name="clicks", team="churn", by="minji", created=1.0))
    signed_in(jinsu)
    done(jinsu("grant", "add", "dataset", "clicks", "fraud"))
    assert "dataset clicks" in done(jinsu("grant", "list"))
    done(jinsu("grant", "remove", "dataset", "clicks", "fraud"))
    signed_in(jinsu, "root")
    done(jinsu("team", "remove", "fraud"))
    assert os.environ["JINSU_API"] == ELSEWHERE
