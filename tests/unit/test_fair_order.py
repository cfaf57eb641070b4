"""Who gets a place among the runs that work, and in which order the others wait."""

import random

from hypothesis import given
from hypothesis import strategies as st

from jinsu.runs.fair_order import Claim, Limits, queue

WIDE = Limits(100, 100, 100)


def claims(*owners: str, first: float = 0.0) -> list[Claim]:
    """One claim for each `TEAM/PERSON`, in the order of their submission."""
    return [
        Claim(f"{owner}-{number}", *owner.split("/"), first + number)  # type: ignore[call-arg]
        for number, owner in enumerate(owners)
    ]


def test_a_person_who_is_alone_is_served_in_the_order_of_submission() -> None:
    waiting = claims("a/ann", "a/ann", "a/ann")
    found = queue(waiting[::-1], [], Limits(2, 100, 100))
    assert found.let_in == ("a/ann-0", "a/ann-1")
    assert found.waiting == ("a/ann-2",)


def test_a_team_with_one_run_does_not_wait_for_the_hundred_of_another() -> None:
    waiting = [*claims(*["a/ann"] * 100), *claims("b/bob", first=1000.0)]
    found = queue(waiting, claims(*["a/ann"] * 16, first=-100.0), Limits(17, 100, 100))
    assert found.let_in == ("b/bob-0",)
    assert found.waiting[0] == "a/ann-0"


def test_people_of_one_team_take_turns() -> None:
    waiting = [*claims(*["a/ann"] * 3), *claims("a/bob", "a/bob", first=10.0)]
    found = queue(waiting, [], WIDE)
    assert [run.split("-")[0] for run in found.let_in] == ["a/ann", "a/bob", "a/ann", "a/bob", "a/ann"]


def test_a_team_counts_as_one_however_many_people_it_has() -> None:
    waiting = [*claims("a/ann", "a/bob", "a/eve"), *claims("b/tom", "b/tom", "b/tom", first=10.0)]
    found = queue(waiting, [], Limits(2, 100, 100))
    assert set(found.let_in) == {"a/ann-0", "b/tom-0"}


def test_what_a_person_has_at_work_holds_their_other_runs_alone() -> None:
    waiting = claims("a/ann", "a/ann", "a/bob")
    found = queue(waiting, claims("a/ann", first=-10.0), Limits(100, 100, 2))
    assert set(found.let_in) == {"a/ann-0", "a/bob-2"}
    assert found.held == ("a/ann-1",)


def test_a_person_in_two_teams_has_one_limit() -> None:
    found = queue(claims("b/ann"), claims("a/ann", "a/ann", first=-10.0), Limits(100, 100, 2))
    assert found.held == ("b/ann-0",)


def test_what_a_team_has_at_work_holds_its_other_runs_alone() -> None:
    waiting = claims("a/ann", "a/bob", "b/tom")
    found = queue(waiting, claims("a/eve", first=-10.0), Limits(100, 2, 100))
    assert set(found.let_in) == {"a/ann-0", "b/tom-2"}
    assert found.held == ("a/bob-1",)


def test_more_at_work_than_may_be_lets_nobody_in() -> None:
    """Reviewers approved many at once: their runs go on."""
    found = queue(claims("b/bob"), claims(*["a/ann"] * 5, first=-10.0), Limits(3, 100, 100))
    assert (found.let_in, found.waiting) == ((), ("b/bob-0",))


OWNERS = st.sampled_from(["a/ann", "a/bob", "b/bob", "b/tom", "c/eve"])


@given(
    st.lists(OWNERS, max_size=40),
    st.lists(OWNERS, max_size=20),
    st.integers(1, 30),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_every_run_is_somewhere_and_no_limit_is_passed(
    waiting: list[str], working: list[str], in_all: int, team: int, person: int
) -> None:
    limits, at_work, wanted = Limits(in_all, team, person), claims(*working, first=-100.0), claims(*waiting)
    shuffled = random.Random(1).sample(wanted, len(wanted))
    found = queue(shuffled, at_work, limits)

    assert found == queue(wanted, at_work, limits), "the order of the rows decides nothing"
    assert sorted([*found.let_in, *found.waiting, *found.held]) == sorted(claim.run for claim in wanted)
    owners = {claim.run: claim for claim in wanted}
    placed = [*at_work, *(owners[run] for run in found.let_in)]
    for claim in (owners[run] for run in found.let_in):
        assert sum(other.team == claim.team for other in placed) <= team
        assert sum(other.person == claim.person for other in placed) <= person
    assert not found.let_in or len(placed) <= in_all
    if found.waiting:
        assert len(placed) >= in_all, "no place stays empty while a run may have it"
