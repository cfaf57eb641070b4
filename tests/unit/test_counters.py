"""What was counted of the versions of a rollout, and what is new since the last look."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.release.counters import Arms, Counters, news


def test_a_window_is_the_difference_of_two_readings() -> None:
    earlier = Counters(100, 5, 1, {50.0: 60, 500.0: 100})
    later = Counters(150, 7, 3, {50.0: 90, 500.0: 150})
    assert later.since(earlier) == Counters(50, 2, 2, {50.0: 30, 500.0: 50})
    assert later.since(Counters()) == later
    assert later.since(later) == Counters(0, 0, 0, {50.0: 0, 500.0: 0})


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (Counters(100, 5), Counters(30, 2)),
        (Counters(100, 5), Counters(200, 2)),
        (Counters(100, 0, 5), Counters(30, 0, 3)),
        (Counters(100, 0, 0, {1.0: 50, 2.0: 90}), Counters(100, 0, 0, {1.0: 3, 2.0: 5})),
    ],
    ids=["requests", "errors", "not finite", "times"],
)
def test_a_counter_that_went_down_began_anew(earlier: Counters, later: Counters) -> None:
    assert later.since(earlier) == later


def test_replicas_that_answer_in_turn_are_not_taken_for_a_server_that_began_anew() -> None:
    """Each of them tells its own number of answers that were not finite; the highest is what is known."""
    readings = [Counters(non_finite=number) for number in (5, 3, 5, 3, 5)]
    assert [later.since(earlier).non_finite for earlier, later in zip(readings, readings[1:], strict=False)] == [
        0, 2, 0, 2,
    ]  # fmt: skip


COUNTERS = st.builds(
    lambda requests, errors, finite, times: Counters(
        requests, errors, finite, dict(zip((5.0, 50.0), sorted(times), strict=True))
    ),
    st.integers(0, 100),
    st.integers(0, 100),
    st.integers(0, 100),
    st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
ARMS = st.builds(Arms, COUNTERS, COUNTERS)
READINGS = st.dictionaries(st.sampled_from(["10.0.0.1", "10.0.0.2"]), ARMS)


@given(COUNTERS, COUNTERS)
def test_no_window_holds_less_than_nothing(earlier: Counters, later: Counters) -> None:
    window = later.since(earlier)
    assert min(window.requests, window.errors, window.non_finite, *window.latency.values()) >= 0


@given(COUNTERS)
def test_slower_answers_are_those_beyond_a_bound(counters: Counters) -> None:
    assert counters.slower(50.0) == 0
    assert counters.slower(5.0) == counters.timed - counters.latency[5.0] >= 0
    assert counters.slower(0.0) == counters.timed


@given(READINGS, READINGS)
@settings(deadline=None)
def test_what_is_new_is_the_sum_over_the_sources_that_were_read_before(
    before: dict[str, Arms], now: dict[str, Arms]
) -> None:
    known = [now[source].since(before[source]) for source in sorted(now) if source in before]
    found = news(before, now)
    assert found.challenger.requests == sum(arms.challenger.requests for arms in known)
    assert found.champion.errors == sum(arms.champion.errors for arms in known)
    assert found.champion.latency.get(5.0, 0) == sum(arms.champion.latency[5.0] for arms in known)


def test_a_gateway_that_came_a_moment_ago_adds_nothing_of_the_time_before() -> None:
    """It may have served the champion for a week, while the challenger had another share or none."""
    old = {"a": Arms(Counters(10), Counters(10))}
    now = {"a": Arms(Counters(15), Counters(12)), "b": Arms(Counters(10**6, 10**5), Counters(0))}
    assert news(old, now) == Arms(Counters(5), Counters(2))


def test_a_gateway_that_left_takes_nothing_away() -> None:
    old = {"a": Arms(Counters(10), Counters(10)), "b": Arms(Counters(7), Counters(7))}
    assert news(old, {"a": Arms(Counters(15), Counters(12))}) == Arms(Counters(5), Counters(2))
