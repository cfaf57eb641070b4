"""Rollouts as people see and steer them. The controller alone carries them out."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.codec import encode
from jinsu.errors import NotFoundError
from jinsu.identity import audit
from jinsu.release.advance import TERMINAL, Phase, Policy, State
from jinsu.release.command import Command
from jinsu.release.records import policy_from, state_from
from jinsu.runs.open_run import hold
from jinsu.runs.standings import require
from jinsu.runs.text import clean
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent
from jinsu.state.tables import Endpoint, Model, Rollout

ACTIVE = tuple(phase for phase in Phase if phase not in TERMINAL)
PROMOTABLE = (Phase.PROMOTING, Phase.PROMOTED)
"""Phases of a challenger that may become the champion."""


@dataclass(frozen=True)
class Rollouts:
    """Reads rollouts, asks for new ones, and leaves commands for the controller."""

    database: Database

    def request(self, run: str, model: str, challenger: str, policy: Policy) -> None:
        """Asks for the rollout of a challenger, once for each run.

        Raises ConflictError when the run was cancelled, ForbiddenError for a version that may not serve.
        """
        with self.database.begin() as session:
            hold(session, run)
            if session.get(Rollout, run) is not None:
                return
            session.get(Model, model, with_for_update=True)  # nobody revokes the version meanwhile
            require(session, model, challenger)
            endpoint = session.get(Endpoint, model)
            state = State(challenger=challenger, champion=endpoint.champion if endpoint else None)
            now = time.time()
            session.add(
                Rollout(
                    submission=run,
                    model=model,
                    challenger=challenger,
                    policy=encode(policy),
                    state=encode(state),
                    phase=state.phase,
                    command="",
                    created=now,
                    updated=now,
                )
            )

    def of(self, run: str) -> Rollout | None:
        with self.database.begin() as session:
            return session.get(Rollout, run)

    def active(self, run: str) -> bool:
        """Whether the controller has not decided the run's rollout yet."""
        with self.database.begin() as session:
            return session.scalar(select(Rollout.phase).where(Rollout.submission == run)) in ACTIVE

    def command(self, model: str, command: Command, overrider: str = "") -> Rollout:
        """Leaves a command for the model's newest active rollout. Raises NotFoundError when there is none.

        overrider: the administrator who gives it in place of the team's reviewers; the audit log keeps who did.
        """
        with self.database.begin() as session:
            row = session.scalar(
                select(Rollout)
                .where(Rollout.model == model, Rollout.phase.in_(ACTIVE))
                .order_by(Rollout.created.desc())
                .limit(1)
                .with_for_update()
            )
            if row is None:
                raise NotFoundError(f"model {model!r} has no rollout now; see: jinsu rollout list")
            _leave(row, command)
            if overrider:
                owner = session.get_one(Model, model).team
                audit.note(session, overrider, AuditEvent.OVERRIDDEN, f"rollout of {model}, team {owner}", command.verb)
        return row

    def command_run(self, run: str, command: Command) -> None:
        """Leaves a command for the rollout of a run, unless it is over or there is none."""
        with self.database.begin() as session:
            leave(session, run, command)


def end_promotions(session: Session, model: str, version: str, command: Command) -> None:
    """Leaves a command for every challenger, other than `version`, that waits for the alias at 100 % of traffic."""
    promoting = select(Rollout).where(
        Rollout.model == model, Rollout.phase == Phase.PROMOTING, Rollout.challenger != version
    )
    for row in session.scalars(promoting.with_for_update()):
        _leave(row, command)


def leave(session: Session, run: str, command: Command) -> None:
    """Leaves a command for the rollout of a run, unless it is over or there is none."""
    row = session.get(Rollout, run, with_for_update=True)
    if row is not None and row.phase in ACTIVE:
        _leave(row, command)


def state_of(row: Rollout) -> State:
    """Where the rollout of a record is."""
    return state_from(row.state, policy_from(row.policy))


def _leave(row: Rollout, command: Command) -> None:
    row.command, row.updated = clean(command.encode()), time.time()
