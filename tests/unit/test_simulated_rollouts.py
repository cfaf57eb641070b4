"""The simulation of many rollouts: its bets are those of the release loop, and equal versions are seldom taken back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rollouts import many_bets
from tests.rollouts.simulation import Rollouts
from tests.rollouts.traffic import Clients, Shape, Version

from jinsu.release import bets
from jinsu.release.advance import Policy
from jinsu.release.gates import GatePolicy

POLICY = Policy((5, 25, 50), 10.0, 3600.0, GatePolicy(50, 0.02, 2.0, 50.0))


@given(st.integers(0, 40), st.integers(0, 40), st.data(), st.sampled_from([0.0, 0.02, 0.4]))
def test_the_bets_on_arrays_are_those_on_numbers(n: int, m: int, data: st.DataObject, tolerance: float) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    for name in ("harm", "safety"):
        one = getattr(bets, name)(bets.STAKE, bets.Share(a, n), bets.Share(b, m), tolerance)
        many = getattr(many_bets, name)(*(np.array([value]) for value in (n, a, m, b)), tolerance)
        assert many[0] == pytest.approx(np.array(one))
        assert many_bets.total(many)[0] == pytest.approx(bets.total([one]))


def test_clients_meet_the_versions_by_their_shares() -> None:
    clients = Clients(Shape(100.0, Version(0.1), Version(0.4)), 500, seed=1)
    champion, challenger = clients.look(1.0, np.full(500, 0.25))
    assert challenger.requests.mean() == pytest.approx(25, rel=0.1)
    assert champion.requests.mean() == pytest.approx(75, rel=0.05)
    assert challenger.errors.sum() / challenger.requests.sum() == pytest.approx(0.4, rel=0.05)
    assert (np.diff(challenger.slower, axis=1) <= 0).all()
    # The 13th bound is 20.2 ms, just beyond the median of 20 ms.
    assert champion.slower[:, 13].sum() / champion.requests.sum() == pytest.approx(0.49, abs=0.02)


@pytest.mark.parametrize(
    "shape",
    [
        Shape(50.0),
        Shape(50.0, Version(0.05, 90.0), Version(0.05, 90.0)),
        Shape(50.0, Version(median=50.0), Version(median=50.0), wander=0.5),
        Shape(50.0, stalls=0.01),
    ],
    ids=["usual", "many errors, beyond the budget", "latency wanders", "servers stand still"],
)
def test_equal_versions_are_promoted(shape: Shape) -> None:
    """Of 200 rollouts two may be taken back; six or more would be with a chance of 1.7 %, and none is usual."""
    outcome = Rollouts(POLICY, shape, 200, seed=2).run(seconds=1.0, limit=3600.0)
    assert outcome.reverted.sum() <= 5
    assert not outcome.undecided.any()


@pytest.mark.parametrize("challenger", [Version(errors=0.10), Version(median=150.0)], ids=["a tenth of errors", "slow"])
def test_harmful_versions_are_not(challenger: Version) -> None:
    outcome = Rollouts(POLICY, Shape(50.0, Version(), challenger), 200, seed=3).run(seconds=1.0, limit=3600.0)
    assert outcome.reverted.all()
    assert np.median(outcome.requests) < 5000
