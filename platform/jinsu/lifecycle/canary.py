"""canary: asks for a rollout and waits for its end. The controller carries it out."""

from __future__ import annotations

import time
from dataclasses import asdict

from sqlalchemy import select

from jinsu.errors import GateFailedError, TransientError
from jinsu.installation import Platform
from jinsu.lifecycle.review import ALIAS
from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.release.records import policy_from, state_from
from jinsu.spec.model import ModelSpec
from jinsu.state.tables import Endpoint, Rollout

WAITING = ("deploying", "stepping", "halted")


def policy_of(spec: ModelSpec) -> Policy:
    """The rollout's policy as the spec words it."""
    canary = spec.release.canary
    gates = GatePolicy(
        canary.min_requests, canary.max_error_increase, canary.max_latency_ratio, spec.serve.max_latency_ms
    )
    return Policy(tuple(canary.steps), canary.every, canary.deadline, gates)


def start(platform: Platform, submission: str) -> None:
    """Asks for the rollout once. It restarts whatever rollout the model has."""
    row, spec = platform.submission(submission)
    version = str(platform.output(submission, "register")["version"])
    platform.note(submission, "canary", "waiting for the release controller")
    with platform.database.begin() as session:
        if session.get(Rollout, submission) is not None:
            return
        endpoint = session.get(Endpoint, row.model)
        state = State(challenger=version, champion=endpoint.champion if endpoint else None)
        now = time.time()
        session.add(
            Rollout(
                submission=submission,
                model=row.model,
                challenger=version,
                policy=asdict(policy_of(spec)),
                state=asdict(state),
                phase=state.phase,
                command="",
                created=now,
                updated=now,
            )
        )


def current(platform: Platform, submission: str) -> tuple[Policy, State]:
    with platform.database.begin() as session:
        row = session.get(Rollout, submission)
    assert row is not None
    return policy_from(row.policy), state_from(row.state)


def waiting(platform: Platform, submission: str) -> bool:
    with platform.database.begin() as session:
        return session.scalar(select(Rollout.phase).where(Rollout.submission == submission)) in WAITING


def finish(platform: Platform, submission: str) -> dict[str, str]:
    """Ends the task once the challenger may be promoted. Raises GateFailedError when it was taken back."""
    _, state = current(platform, submission)
    if state.phase in WAITING:
        raise TransientError(f"the rollout is {state.phase}", 1.0)
    with platform.task(submission, "canary") as output:
        if state.phase not in (Phase.PROMOTING, Phase.PROMOTED):
            row, _ = platform.submission(submission)
            platform.mlflow.drop_alias(row.model, ALIAS, state.challenger)
            raise GateFailedError(f"version {state.challenger} was {state.phase}: {state.reason}")
        output.update(version=state.challenger, champion=state.champion or "", reason=state.reason)
    return dict(output)
