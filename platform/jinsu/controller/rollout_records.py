"""Champions and rollouts as the database has them, and how the release loop records what it decided."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from jinsu.release.advance import TERMINAL, Phase, Policy, State
from jinsu.release.command import Command
from jinsu.release.records import policy_from, state_from
from jinsu.runs import ledger
from jinsu.state.database import Database
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import Endpoint, Rollout

_EVENTS = {Phase.REVERTED: LedgerEvent.REVERTED, Phase.HALTED: LedgerEvent.HALTED}
"""What the ledger calls the phases whose beginning it records."""


@dataclass(frozen=True)
class OpenRollout:
    """A rollout that is not over, as one read of its record saw it.

    command: what a reviewer ordered and no decision has answered yet. row_version: of the record; what was decided from
    this state is written over no other one.
    """

    run: str
    model: str
    policy: Policy
    state: State
    command: Command | None
    row_version: int


@dataclass(frozen=True)
class Desired:
    """What should be served. champions: version by model. rollouts: those that are not over, oldest first."""

    champions: Mapping[str, str]
    rollouts: tuple[OpenRollout, ...]

    def successor(self, rollout: OpenRollout) -> str:
        """Challenger of the model's newest rollout; "" when that is this one."""
        newest = [other for other in self.rollouts if other.model == rollout.model][-1]
        return "" if newest is rollout else newest.state.challenger


@dataclass(frozen=True)
class Decision:
    """The state that a rollout goes to."""

    rollout: OpenRollout
    state: State


class RolloutRecords:
    """The tables `rollouts` and `endpoints`, for the release loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Desired:
        open_rollouts = select(Rollout).where(Rollout.phase.not_in(tuple(TERMINAL))).order_by(Rollout.created)
        with self._database.begin() as session:
            champions = {row.model: row.champion for row in session.scalars(select(Endpoint))}
            return Desired(champions, tuple(_open_rollout(row) for row in session.scalars(open_rollouts)))

    def write(self, decisions: Iterable[Decision]) -> None:
        """Records each decision in a transaction of its own. One that changes nothing and answers no command is left
        out, and so is one about a record that was written since it was read: the next pass decides anew."""
        for decision in decisions:
            if decision.state != decision.rollout.state or decision.rollout.command is not None:
                self._write(decision)

    def _write(self, decision: Decision) -> None:
        rollout, state = decision.rollout, decision.state
        with suppress(StaleDataError), self._database.begin() as session:
            row = _unchanged(session, rollout)
            if row is None:
                return
            row.state, row.phase, row.command, row.updated = asdict(state), state.phase, "", time.time()
            if state.phase is not rollout.state.phase and state.phase in _EVENTS:
                ledger.append(session, _entry(rollout, state))

    def begin_step_anew(self, rollout: OpenRollout) -> None:
        """Lets the time of the rollout's step count from the next pass on."""
        with suppress(StaleDataError), self._database.begin() as session:
            row = _unchanged(session, rollout)
            if row is not None:
                row.state = {**row.state, "since": 0.0, "waited": 0.0, "steady": 0.0}


def _unchanged(session: Session, rollout: OpenRollout) -> Rollout | None:
    """The rollout's record, held by this transaction; None when it was written since it was read, or is being written:
    a promotion holds it for as long as MLflow takes, and no model waits for another one's promotion."""
    query = select(Rollout).where(Rollout.submission == rollout.run, Rollout.row_version == rollout.row_version)
    return session.scalar(query.with_for_update(skip_locked=True))


def _open_rollout(row: Rollout) -> OpenRollout:
    policy = policy_from(row.policy)
    state, command = state_from(row.state, policy), Command.decode(row.command)
    return OpenRollout(row.submission, row.model, policy, state, command, row.row_version)


def _entry(rollout: OpenRollout, state: State) -> ledger.Entry:
    return ledger.Entry(
        identity=f"{state.phase}:{rollout.run}:{state.since}",
        model=rollout.model,
        event=_EVENTS[state.phase],
        version=state.challenger,
        previous=state.champion,
        actor="jinsu",
        submission=rollout.run,
        detail=state.reason,
    )
