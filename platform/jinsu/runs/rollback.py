"""Gives the alias `champion` to an earlier version."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.errors import NotFoundError
from jinsu.registry.mlflow import CHAMPION, Mlflow
from jinsu.release.command import Command, Verb
from jinsu.runs import ledger
from jinsu.runs.rollouts import Rollouts
from jinsu.state.database import Database
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import Candidate, Endpoint


@dataclass(frozen=True)
class Rollback:
    """Moves the alias; traffic follows within seconds."""

    database: Database
    mlflow: Mlflow
    rollouts: Rollouts

    def run(self, model: str, version: str, actor: str) -> str:
        """Returns the version that was the champion before, or "". Raises NotFoundError for an unknown version."""
        with self.database.begin() as session:
            query = select(Candidate).where(Candidate.model == model, Candidate.version == version, Candidate.ready)
            known = session.scalar(query) is not None
        if not known:
            raise NotFoundError(
                f"model {model!r} has no registered version {version!r}; see: jinsu rollout ledger {model}"
            )
        previous = self.mlflow.aliases(model).get(CHAMPION, "")
        identity = f"rollback:{model}:{time.time_ns()}"
        with self.database.begin() as session:
            # The controller, which follows the alias at once, waits for this row and then finds the entry in the ledger;
            # else it would take the move for one by hand.
            session.get(Endpoint, model, with_for_update=True)
            self.mlflow.set_alias(model, CHAMPION, version)
            # A challenger whose alias was just taken away would wait for it at 100 % of traffic.
            self.rollouts.end_promotions(
                model, version, Command(Verb.ABORT, f"rolled back to version {version} by {actor}")
            )
            ledger.append(session, ledger.Entry(identity, model, LedgerEvent.ROLLED_BACK, version, previous, actor))
        return previous
