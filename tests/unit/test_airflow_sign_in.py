"""Where a sign-in to Airflow leads, and whom a token of Airflow names."""

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinsu.clients.airflow import PLATFORM, PLATFORM_CLAIM
from jinsu.identity import accounts, people
from jinsu.identity.people import Person
from jinsu.orchestration import addresses
from jinsu.orchestration.permissions import Platform
from jinsu.orchestration.recent_people import RecentPeople
from jinsu.orchestration.signed_in import SESSION_SECONDS, SignedIn, claims_of, from_claims
from jinsu.state.database import Database
from jinsu.state.states import Role
from jinsu.state.tables import Base

SITE = "https://airflow.example.org"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/dags/lifecycle/runs?state=failed#top", "/dags/lifecycle/runs?state=failed#top"),
        (f"{SITE}/dags", "/dags"),
        (f"{SITE}/dags?next=https://evil.example.org", "/dags?next=https://evil.example.org"),
        ("http://localhost:8080/dags", "/dags"),
        ("", "/"),
        ("dags", "/"),
        ("https://evil.example.org/dags", "/"),
        ("//evil.example.org/dags", "/"),
        ("///evil.example.org/dags", "/"),
        (f"{SITE}//evil.example.org", "/"),
        (f"{SITE}.evil.example.org/dags", "/"),
        (f"{SITE}@evil.example.org/dags", "/"),
        ("http://airflow.example.org/dags", "/"),
        ("/\\evil.example.org", "/"),
        ("\\\\evil.example.org", "/"),
        ("https:evil.example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("/dags\r\nSet-Cookie: a=b", "/"),
        ("/\tevil", "/"),
        (" /dags", "/"),
        ("/a/../..//evil.example.org", "/"),
        ("https://[/", "/"),
    ],
)
def test_a_sign_in_ends_on_a_page_of_this_site(wanted: str, path: str) -> None:
    assert addresses.path_here(wanted, SITE, "http://localhost:8080") == path


@pytest.mark.parametrize(
    ("wanted", "path"),
    [("/team/dags", "/team/dags"), ("/dags", "/team/"), ("/team/../dags", "/team/"), ("/teams", "/team/")],
)
def test_a_site_below_a_path_keeps_to_it(wanted: str, path: str) -> None:
    assert addresses.path_here(wanted, f"{SITE}/team") == path


@given(st.text(alphabet="/\\.:@?#%[]ahtps \t\r\n\x00é"))
def test_no_address_leads_to_another_site(wanted: str) -> None:
    path = addresses.path_here(wanted, SITE)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert urlsplit(path).netloc == ""


def test_the_way_to_the_sign_in_says_where_to_come_back() -> None:
    address = urlsplit(addresses.sign_in("https://jinsu.example.org", "S&next=x", "/dags?a=1&b=2"))
    assert (address.netloc, address.path) == ("jinsu.example.org", "/login")
    assert parse_qs(address.query) == {"to": ["airflow"], "state": ["S&next=x"], "next": ["/dags?a=1&b=2"]}


def test_lists_of_runs_are_filtered() -> None:
    assert addresses.runs_of("mira+a@example.org") == "/dag_runs?triggering_user_name_pattern=mira%2Ba%40example.org"
    one, two = Person("m", teams={"a": Role.OWNER}), Person("m", teams={"b": Role.OWNER, "default": Role.OWNER})
    assert addresses.runs_of_teams(one) == "/dags/lifecycle-a/runs"
    assert addresses.runs_of_teams(two) == "/dag_runs?dag_id_pattern=lifecycle-b%7Clifecycle"
    assert addresses.runs_of_teams(Person("m")) == "/dag_runs"


# --- Whom a token names ---


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Database:
    from jinsu.state.database import engine

    found = Database(f"sqlite:///{tmp_path}/jinsu.db")
    Base.metadata.create_all(engine(found.url))
    with found.begin() as session:
        accounts.add_person(session, "mira", actor="test")
        accounts.add_team(session, "shopping", actor="test")
        accounts.set_role(session, "mira", "shopping", Role.REVIEWER, actor="test")
    return found


def signed_in(database: Database, since: float | None = None) -> SignedIn:
    person = RecentPeople(database).find("mira")
    assert person is not None
    return SignedIn("mira", person, time.time() if since is None else since)


def test_a_token_says_who_and_the_database_says_what_they_may(database: Database) -> None:
    claims = claims_of(signed_in(database))
    found = from_claims({**claims, "admin": True, "teams": {"search": "owner"}}, RecentPeople(database))
    assert found.get_id() == found.get_name() == "mira"
    assert found.caller == Person("mira", teams={"shopping": Role.REVIEWER})


def test_who_leaves_or_loses_a_role_is_refused_within_seconds(database: Database) -> None:
    clock = Clock()
    recent = RecentPeople(database, clock=clock)
    claims = claims_of(signed_in(database))
    from_claims(claims, recent)

    with database.begin() as session:
        accounts.set_role(session, "mira", "shopping", Role.RESEARCHER, actor="test")
    clock.now += 5
    caller = from_claims(claims, recent).caller
    assert isinstance(caller, Person)
    assert not caller.has(Role.REVIEWER, "shopping")

    with database.begin() as session:
        accounts.remove_person(session, "mira", actor="test")
    from_claims(claims, recent)  # until the next look
    clock.now += 5
    with pytest.raises(ValueError, match="mira has no account any more"):
        from_claims(claims, recent)


def test_a_person_is_looked_up_once_in_a_while(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = Clock(), []
    recent = RecentPeople(database, clock=clock)
    monkeypatch.setattr(
        "jinsu.orchestration.recent_people.find",
        lambda session, name: (asked.append(name), people.find(session, name))[1],
    )
    for _ in range(3):
        recent.find("mira")
        recent.find("nobody")
    clock.now += 4.9
    recent.find("mira")
    assert asked == ["mira", "nobody"]


def test_a_session_ends_after_half_a_day_however_often_its_token_was_renewed(database: Database) -> None:
    recent = RecentPeople(database)
    from_claims(claims_of(signed_in(database, time.time() - SESSION_SECONDS + 60)), recent)
    renewed = claims_of(from_claims(claims_of(signed_in(database, time.time() - SESSION_SECONDS + 60)), recent))
    assert renewed["auth_time"] < time.time() - SESSION_SECONDS + 61
    for since in (time.time() - SESSION_SECONDS - 60, time.time() + 3600, float("nan")):
        with pytest.raises(ValueError, match="too long ago"):
            from_claims(claims_of(signed_in(database, since)), recent)


def test_a_token_of_the_platform_acts_in_the_name_of_a_person(database: Database) -> None:
    recent = RecentPeople(database)
    for name in (PLATFORM, "mira", "who-left"):
        found = from_claims({"sub": name, PLATFORM_CLAIM: True}, recent)
        assert (found.get_name(), found.caller) == (name, Platform())


def test_nobody_but_the_platform_is_the_platform(database: Database) -> None:
    recent = RecentPeople(database)
    assert people.PLATFORM == PLATFORM
    for claims in (
        {"sub": PLATFORM, "auth_time": time.time()},
        {"sub": PLATFORM, "auth_time": time.time(), PLATFORM_CLAIM: "true"},
    ):
        with pytest.raises(ValueError, match="no account"):
            from_claims(claims, recent)
    with pytest.raises(KeyError):
        from_claims({"sub": "mira"}, recent)
    with pytest.raises(ValueError, match="signs no token for the platform"):
        claims_of(SignedIn("mira", Platform(), time.time()))
