"""canary: asks for a rollout and waits for its end. The controller carries it out."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jinsu.errors import ForbiddenError, GateFailedError, NotFoundError, TransientError
from jinsu.registry.mlflow import CHALLENGER, Mlflow
from jinsu.release.advance import Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.runs.journal import Journal, rules_of
from jinsu.runs.rollouts import ACTIVE, PROMOTABLE, Rollouts, state_of
from jinsu.runs.stages import Registered, RolledOut, StageName
from jinsu.spec.rules import Rules

_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Canary:
    """Asks for a rollout, and waits until the controller has decided it."""

    journal: Journal
    rollouts: Rollouts
    mlflow: Mlflow

    def run(self, run: str) -> RolledOut:
        """Asks, and waits until the challenger may be promoted or was taken back."""
        self.start(run)
        while self.waiting(run):
            time.sleep(_PAUSE_SECONDS)
        return self.finish(run)

    def start(self, run: str) -> None:
        """Asks for the rollout once. It takes the place of whatever rollout the model has.

        Raises ConflictError when the run was cancelled, GateFailedError for a version that may not serve: whoever skips the
        review, by marking the stage as done in Airflow, comes here all the same.
        """
        row = self.journal.submission(run)
        version = self.journal.output(Registered, run).version
        try:
            self.rollouts.request(run, row.model, version, policy_of(rules_of(row)))
        except ForbiddenError as problem:
            self._refuse(run, str(problem))
        self.journal.note(run, StageName.CANARY, "waiting for the release controller")

    def _refuse(self, run: str, sentence: str) -> None:
        def work() -> RolledOut:
            raise GateFailedError(sentence)

        self.journal.record(StageName.CANARY, run, work)

    def waiting(self, run: str) -> bool:
        """Whether the controller has not decided yet."""
        return self.rollouts.active(run) and self.state(run).phase not in PROMOTABLE

    def state(self, run: str) -> State:
        """Where the rollout is. Raises NotFoundError when none was asked for."""
        row = self.rollouts.of(run)
        if row is None:
            raise NotFoundError(f"run {run} has no rollout; the stage canary has not begun.")
        return state_of(row)

    def finish(self, run: str) -> RolledOut:
        """Ends the stage once the challenger may be promoted. Raises GateFailedError when it was taken back."""
        state = self.state(run)
        if state.phase in ACTIVE and state.phase not in PROMOTABLE:
            raise TransientError(f"the rollout is {state.phase}", 1.0)
        return self.journal.record(StageName.CANARY, run, lambda: self._judge(run, state))

    def _judge(self, run: str, state: State) -> RolledOut:
        if state.phase not in PROMOTABLE:
            self.mlflow.drop_alias(self.journal.submission(run).model, CHALLENGER, state.challenger)
            raise GateFailedError(f"version {state.challenger} was {state.phase}: {state.reason}")
        return RolledOut(state.challenger, state.champion or "", state.reason)


def policy_of(rules: Rules) -> Policy:
    """The rollout's policy as the rules word it. Pure."""
    canary = rules.canary
    gates = GatePolicy(canary.min_requests, canary.max_error_increase, canary.max_latency_ratio, rules.max_latency_ms)
    return Policy(tuple(canary.steps), canary.every, canary.deadline, gates)
