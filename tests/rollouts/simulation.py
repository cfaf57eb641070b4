"""Many rollouts at once, step by step, as `jinsu.release.advance` decides them."""

import math
from dataclasses import dataclass

import numpy as np
from tests.rollouts.many_bets import harm, safety, total
from tests.rollouts.traffic import BOUNDS, Answers, Clients, Shape

from jinsu.release.advance import CONTROL, Policy
from jinsu.release.bets import RATIOS
from jinsu.release.gates import HARMFUL, SAFE, SLOW_SHARE, STALL

Array = np.ndarray
PROMOTION_SECONDS = 60.0
"""For how long a version that has passed waits for its alias, and is judged meanwhile."""


@dataclass(frozen=True)
class Outcome:
    """What became of many rollouts of one shape.

    reverted: whether each was taken back by a gate. undecided: whether it was at a deadline. requests: of both versions, until
    the end. seconds: until then.
    """

    reverted: Array
    undecided: Array
    requests: Array
    seconds: Array


class Rollouts:
    """Latency is compared at the bounds that are not within the budget, each with the champion's that is lower by the ratio."""

    def __init__(self, policy: Policy, shape: Shape, number: int, seed: int) -> None:
        self._policy, self._clients = policy, Clients(shape, number, seed)
        gates = policy.gates
        self._ours = np.flatnonzero(gates.max_latency_ms <= BOUNDS)
        most = BOUNDS[self._ours] / gates.max_latency_ratio * (1 + 1e-3)
        self._theirs = np.searchsorted(BOUNDS, most, side="right") - 1
        self._shares = np.array([*policy.steps, 100 - CONTROL]) / 100
        self._tolerated = np.array([*policy.steps[1:], 100, 100]) / 100
        self._step = np.zeros(number, int)
        self._errors, self._slow = np.zeros((number, len(RATIOS))), np.zeros((number, len(self._ours), len(RATIOS)))
        self._open = np.ones(number, bool)
        self._reverted, self._undecided = np.zeros(number, bool), np.zeros(number, bool)
        self._requests, self._ended = np.zeros(number, int), np.zeros(number)
        self._waited = np.zeros(number)
        self._seen, self._tail = np.zeros((number, 2), int), np.zeros((number, 2, len(self._ours)), int)
        self._no_errors, self._no_slow = np.zeros_like(self._errors), np.zeros_like(self._slow)

    def _begin(self, which: Array) -> None:
        """A new step of these rollouts."""
        for kept in (self._waited, self._seen, self._tail, self._no_errors, self._no_slow):
            kept[which] = 0

    def run(self, seconds: float, limit: float) -> Outcome:
        """Looks after every so many seconds, until all are over or `limit` seconds are."""
        for look in range(1, int(limit / seconds) + 1):
            if not self._open.any():
                break
            champion, challenger = self._clients.look(seconds, self._shares[self._step])
            self.weigh(champion, challenger)
            self._waited += seconds
            self._requests += self._open * (champion.requests + challenger.requests)
            self._ended[self._open] = look * seconds
            self._decide()
        return Outcome(self._reverted, self._undecided | self._open, self._requests, self._ended)

    def weigh(self, champion: Answers, challenger: Answers) -> None:
        """Takes one look."""
        n, m = challenger.requests, champion.requests
        tolerance, gates = self._tolerated[self._step], self._policy.gates
        self._errors += harm(n, challenger.errors, m, champion.errors, gates.max_error_increase)
        errors_next = np.minimum(0.99, gates.max_error_increase / tolerance)
        self._no_errors += safety(n, challenger.errors, m, champion.errors, errors_next)
        ours, theirs = challenger.slower[:, self._ours], champion.slower[:, self._theirs]
        won = harm(n[:, None], ours, m[:, None], theirs, SLOW_SHARE)
        self._slow += np.minimum(won, math.log(STALL))
        slow_next = np.minimum(0.99, SLOW_SHARE / tolerance)[:, None]
        self._no_slow += safety(n[:, None], ours, m[:, None], theirs, slow_next)
        self._seen += np.stack([n, m], axis=1)
        self._tail += np.stack([ours, theirs], axis=1)

    def harmful(self) -> Array:
        """Whether a gate takes the challenger back."""
        worst = np.maximum(total(self._errors), total(self._slow.reshape(len(self._step), -1)))
        return np.asarray(worst >= math.log(HARMFUL))

    def _decide(self) -> None:
        number, last = len(self._step), len(self._policy.steps)
        failed = self._open & self.harmful()
        usual = np.argmax(self._tail[:, 1] <= SLOW_SHARE * self._seen[:, 1:], axis=1)
        safe = np.minimum(total(self._no_errors), total(self._no_slow[np.arange(number), usual])) >= math.log(SAFE)
        stepping = self._open & ~failed & (self._step < last)
        enough = (self._seen[:, 0] >= self._policy.gates.min_requests) & (self._waited >= self._policy.every)
        passed, late = stepping & safe & enough, self._waited > self._policy.deadline
        undecided = stepping & ~passed & late
        promoted = self._open & ~failed & (self._step == last) & (self._waited >= PROMOTION_SECONDS)
        self._reverted |= failed
        self._undecided |= undecided
        self._open &= ~(failed | undecided | promoted)
        self._step[passed] += 1
        self._begin(passed)


def detected(shape: Shape, requests: int, number: int, seed: int, policy: Policy) -> Array:
    """After how many requests a worse challenger is found, in a canary that spends the same number of requests on each step whatever
    is found; infinite for never. A look comes every 40 requests."""
    steps = np.array(policy.steps) / 100
    rollouts, clients = Rollouts(policy, shape, number, seed), Clients(shape, number, seed)
    found = np.full(number, np.inf)
    for look in range(requests // 40):
        share = np.full(number, steps[look * 40 * len(steps) // requests])
        rollouts.weigh(*clients.look(40 / shape.rate, share))
        found = np.where(rollouts.harmful() & np.isinf(found), 40 * (look + 1), found)
    return found
