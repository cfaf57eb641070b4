"""What people and attackers do at the same moment, on PostgreSQL: each secret serves once, and no limit is overrun."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.support.people_bench import PASSWORD, PeopleBench

from jinsu.errors import ForbiddenError, TransientError
from jinsu.identity import device, sign_in, tokens, vouched
from jinsu.identity.oidc import Vouched
from jinsu.settings import GroupRole, Oidc
from jinsu.state import tables
from jinsu.state.states import AuditEvent, TokenUse

_Found = TypeVar("_Found")
TIMES = 8


@pytest.fixture
def bench(tmp_path: Path, empty_database: str) -> PeopleBench:
    found = PeopleBench(tmp_path, database_url=empty_database)
    found.person("minji", password=PASSWORD, churn="owner")
    return found


def at_once(work: Callable[[int], _Found], *refusals: type[Exception]) -> list[_Found | None]:
    """What each of several threads found that began together; None for a refusal."""
    together = threading.Barrier(TIMES)

    def one(number: int) -> _Found | None:
        together.wait()
        try:
            return work(number)
        except refusals:
            return None

    with ThreadPoolExecutor(TIMES) as pool:
        return list(pool.map(one, range(TIMES)))


def those(found: list[Any]) -> list[Any]:
    return [item for item in found if item is not None]


def test_a_code_opens_a_door_once(bench: PeopleBench) -> None:
    code = bench.token("minji", TokenUse.MLFLOW_CODE)
    assert len(those(at_once(lambda _: tokens.redeem(bench.database, code, TokenUse.MLFLOW_CODE)))) == 1


def test_a_confirmed_sign_in_gives_one_token(bench: PeopleBench) -> None:
    begun = device.begin(bench.database, "laptop")
    device.answer(bench.database, begun.user, "minji", True)
    assert len(those(at_once(lambda _: device.collect(bench.database, begun.device), ForbiddenError))) == 1
    assert len([row for row in bench.rows(tables.Token) if row.use is TokenUse.API]) == 1


def test_a_token_is_rotated_into_one(bench: PeopleBench) -> None:
    client = bench.ask("minji")
    answers = at_once(lambda _: client.post("/v1/tokens/current/rotate").status_code)
    assert answers.count(200) == 1
    assert set(answers) <= {200, 401, 404}
    with bench.database.begin() as session:
        assert len(tokens.of(session, "minji")) == 1


def test_a_person_who_signs_in_twice_for_the_first_time_gets_one_account(bench: PeopleBench) -> None:
    rules = Oidc("https://id.example", "jinsu", groups={"ml": GroupRole("vision", "reviewer")})
    who = Vouched("https://id.example|s-1", "joon", ("ml",))
    found = those(at_once(lambda _: vouched.sign_in(bench.database, rules, who, "browser"), TransientError))
    assert found
    assert {person.name for person in found} == {"joon"}
    assert dict(vouched.sign_in(bench.database, rules, who, "browser").teams) == {"vision": "reviewer"}
    assert [row.name for row in bench.rows(tables.Account) if row.subject] == ["joon"]
    assert len(bench.audited(AuditEvent.PERSON_ADDED)) == 2  # minji and joon


def test_guesses_at_once_do_not_overrun_the_limit_by_much(bench: PeopleBench) -> None:
    def guess(number: int) -> None:
        for attempt in range(5):
            with pytest.raises((ForbiddenError, TransientError)):
                sign_in.with_password(bench.database, "minji", f"wrong {number} {attempt}", "browser")

    at_once(guess)
    assert 10 <= len(bench.audited(AuditEvent.SIGN_IN_REFUSED)) < 10 + TIMES
    with pytest.raises(TransientError):
        sign_in.with_password(bench.database, "minji", PASSWORD, "browser")
