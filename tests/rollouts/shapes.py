"""The traffic under which equal versions are compared, and the harm that is to be found."""

from itertools import product

from tests.rollouts.traffic import Shape, Version

from jinsu.release.advance import Policy
from jinsu.release.gates import GatePolicy

POLICY = Policy((5, 25, 50), 60.0, 24 * 3600.0, GatePolicy(50, 0.02, 2.0, 50.0))
"""The defaults of the spec, with a budget of 50 ms, and a deadline that the slowest traffic meets."""

_LATENCIES = {
    "within the budget": (Version(median=20.0), {}),
    "p95 beyond the budget": (Version(median=90.0), {}),
    "drifting around the budget": (Version(median=50.0), {"wander": 0.5}),
    "servers stand still now and then": (Version(median=20.0), {"stalls": 0.01}),
}


def equal_versions() -> dict[str, Shape]:
    """Every kind of traffic, by its description; both versions are the same."""
    found = {}
    for rate, errors, (latency, (version, more)) in product(
        (0.5, 5.0, 50.0, 500.0), (0.0, 0.01, 0.05), _LATENCIES.items()
    ):
        both = Version(errors, version.median, version.spread)
        found[f"{rate:g}/s, {errors:.0%} errors, {latency}"] = Shape(rate, both, both, **more)
    return found


USUAL = Version(errors=0.01, median=20.0)
HARM = {
    "errors": {share: Version(share, USUAL.median) for share in (0.01, 0.03, 0.04, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0)},
    "latency": {
        factor: Version(USUAL.errors, USUAL.median * factor)
        for factor in (1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
    },
}
"""Challengers by what is wrong with them: the share of errors, or how many times as long they take as the champion."""
