"""What several Envoys counted, added up: each request is evidence once, whoever of them comes, goes or begins anew."""

from hypothesis import given
from hypothesis import strategies as st

from jinsu.gateway.statistics import Tally
from jinsu.release.gates import Counters


def counted(requests: int) -> dict[str, Counters]:
    return {"toy-v2": Counters(requests, requests // 10, 0, {10.0: requests})}


def test_an_envoy_that_leaves_takes_nothing_away() -> None:
    tally = Tally()
    before = tally.add({"a": counted(1000), "b": counted(500)})["toy-v2"]
    after = tally.add({"a": counted(1001)})["toy-v2"]

    assert after.since(before).requests == 1


def test_an_envoy_that_began_anew_counts_from_zero() -> None:
    tally = Tally()
    before = tally.add({"a": counted(1000), "b": counted(500)})["toy-v2"]
    after = tally.add({"a": counted(1000), "b": counted(7)})["toy-v2"]

    assert after.since(before).requests == 7


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 50), min_size=1), min_size=1))
def test_every_request_counts_once(rounds: list[dict[str, int]]) -> None:
    """Each round says how many requests each Envoy that is there has answered since the round before."""
    tally, totals = Tally(), dict.fromkeys("abc", 0)
    for served in rounds:
        for name, requests in served.items():
            totals[name] += requests
        found = tally.add({name: counted(totals[name]) for name in served})["toy-v2"]
        known = sum(totals.values())
        assert found.requests == known
        assert found.latency == {10.0: known}
