"""Bets on two versions: fair when the hypothesis is true, won when it is false."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.release.bets import RATIOS, STAKE, Share, Wealth, harm, safety, total

RATES = st.floats(0, 1)
TOLERANCES = st.sampled_from([0.0, 0.005, 0.02, 0.05, 0.4])


def chance_of(events: int, trials: int, rate: float) -> float:
    return math.comb(trials, events) * rate**events * (1 - rate) ** (trials - events)


def expected(bet: object, challenger: int, champion: int, p: float, q: float, tolerance: float) -> list[float]:
    """What each part of the stake is worth on average after one look, summed over every outcome."""
    worth = np.zeros(len(RATIOS))
    for a, b in product(range(challenger + 1), range(champion + 1)):
        chance = chance_of(a, challenger, p) * chance_of(b, champion, q)
        if chance:
            wealth = bet(STAKE, Share(a, challenger), Share(b, champion), tolerance)  # type: ignore[operator]
            worth += chance * np.exp(np.array(wealth))
    return list(worth)


@given(st.integers(1, 6), st.integers(1, 6), RATES, RATES, TOLERANCES)
@settings(deadline=None, max_examples=150)
def test_a_bet_on_harm_is_fair_when_there_is_none(n: int, m: int, q: float, part: float, tolerance: float) -> None:
    """Of every pair of rates in which the challenger's is at most the champion's with what that one is lent."""
    p = part * (q + tolerance * (1 - q))
    assert max(expected(harm, n, m, p, q, tolerance)) <= 1 + 1e-9


@given(st.integers(1, 6), st.integers(1, 6), RATES, RATES, TOLERANCES)
@settings(deadline=None, max_examples=150)
def test_a_bet_on_safety_is_fair_when_there_is_none(n: int, m: int, q: float, part: float, tolerance: float) -> None:
    least = q + tolerance * (1 - q)
    p = least + part * (1 - least)
    assert max(expected(safety, n, m, p, q, tolerance)) <= 1 + 1e-9


@given(st.integers(1, 50), st.integers(1, 50), st.data())
def test_without_a_tolerance_the_two_bets_mirror_each_other(n: int, m: int, data: st.DataObject) -> None:
    ours, theirs = Share(data.draw(st.integers(0, n)), n), Share(data.draw(st.integers(0, m)), m)
    assert harm(STAKE, ours, theirs) == pytest.approx(safety(STAKE, theirs, ours, 0.0))


@pytest.mark.parametrize("bet", [harm, safety])
def test_a_look_at_one_version_alone_decides_nothing(bet: object) -> None:
    for ours, theirs in ((Share(0, 0), Share(5, 10)), (Share(5, 10), Share(0, 0)), (Share(0, 0), Share(0, 0))):
        assert bet(STAKE, ours, theirs, 0.02) == STAKE  # type: ignore[operator]


@given(st.integers(0, 30), st.integers(0, 30))
def test_each_event_of_the_challenger_is_evidence_of_harm_and_each_of_the_champion_against_it(a: int, b: int) -> None:
    def worth(ours: int, theirs: int) -> float:
        return total([harm(STAKE, Share(ours, 31), Share(theirs, 31), 0.02)])

    assert worth(a + 1, b) > worth(a, b) > worth(a, b + 1)


@pytest.mark.parametrize("most", [1.5, 4.0])
def test_a_look_wins_no_more_than_it_may(most: float) -> None:
    wealth = harm(STAKE, Share(100, 100), Share(0, 100), 0.0, most)
    assert max(wealth) == pytest.approx(math.log(most))
    lost = harm(STAKE, Share(0, 100), Share(100, 100), 0.0, most)
    assert lost == harm(STAKE, Share(0, 100), Share(100, 100))


@given(st.lists(st.tuples(*(st.floats(-800, 800) for _ in RATIOS)), min_size=1, max_size=4))
def test_the_total_is_the_mean_of_all_parts(wealths: list[Wealth]) -> None:
    found = total(wealths)
    parts = [part for wealth in wealths for part in wealth]
    assert max(parts) - math.log(len(parts)) - 1e-9 <= found <= max(parts) + 1e-9
    assert total([]) == 0.0
    assert total([STAKE]) == 0.0


def won(p: float, q: float, tolerance: float, share: float, seed: int, bet: object = harm) -> list[int | None]:
    """After how many requests of both versions 200 gamblers have a hundred times their stake; None for those who never do.

    A look comes every 40 requests, 250 times.
    """
    random, found = np.random.default_rng(seed), []
    for _ in range(200):
        wealth, at = STAKE, None
        for look in range(250):
            n = int(random.binomial(40, share))
            ours = Share(int(random.binomial(n, p)), n)
            theirs = Share(int(random.binomial(40 - n, q)), 40 - n)
            wealth = bet(wealth, ours, theirs, tolerance)  # type: ignore[operator]
            if total([wealth]) >= math.log(100):
                at = 40 * (look + 1)
                break
        found.append(at)
    return found


@pytest.mark.parametrize(("rate", "tolerance"), [(0.0, 0.02), (0.01, 0.0), (0.05, 0.0), (0.05, 0.02), (0.5, 0.0)])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_many_looks_at_two_equal_versions_raise_no_alarm(rate: float, tolerance: float, share: float) -> None:
    """Of 200 gamblers two may win on average; six or more would with a chance of 0.5 %."""
    assert sum(at is not None for at in won(rate, rate, tolerance, share, seed=1)) <= 6


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_an_excess_just_within_the_tolerance_raises_no_alarm(share: float) -> None:
    assert sum(at is not None for at in won(0.03, 0.01, 0.0203, share, seed=2)) <= 6


def test_thirty_percent_of_errors_against_one_are_found_within_four_hundred_requests() -> None:
    found = won(0.30, 0.01, 0.02, 0.5, seed=3)
    assert sum(at is not None and at <= 400 for at in found) >= 196


def test_two_equal_versions_are_found_safe() -> None:
    found = won(0.01, 0.01, 0.02, 0.5, seed=4, bet=safety)
    assert sum(at is not None and at <= 4000 for at in found) >= 196
