"""Champions and rollouts as the database has them, and how the release loop records what it decided."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import select

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
    """A rollout that is not over. command: what a reviewer ordered and no decision has answered yet."""

    run: str
    model: str
    policy: Policy
    state: State
    command: Command | None


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
        out."""
        for decision in decisions:
            if decision.state != decision.rollout.state or decision.rollout.command is not None:
                self._write(decision)

    def _write(self, decision: Decision) -> None:
        rollout, state = decision.rollout, decision.state
        with self._database.begin() as session:
            row = session.get_one(Rollout, rollout.run, with_for_update=True)
            row.state, row.phase, row.updated = asdict(state), state.phase, time.time()
            if Command.decode(row.command) == rollout.command:  # else a newer one is there, for the next pass
                row.command = ""
            if state.phase is not rollout.state.phase and state.phase in _EVENTS:
                ledger.append(session, _entry(rollout, state))

    def begin_step_anew(self, rollout: OpenRollout) -> None:
        """Lets the time of the rollout's step count from the next pass on."""
        with self._database.begin() as session:
            row = session.get_one(Rollout, rollout.run, with_for_update=True)
            row.state = {**row.state, "since": 0.0}


def _open_rollout(row: Rollout) -> OpenRollout:
    policy = policy_from(row.policy)
    return OpenRollout(row.submission, row.model, policy, state_from(row.state, policy), Command.decode(row.command))


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
