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
from jinsu.state.tables import Candidate


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
        self.mlflow.set_alias(model, CHAMPION, version)
        # A challenger whose alias was just taken away would wait for it at 100 % of traffic.
        self.rollouts.end_promotions(
            model, version, Command(Verb.ABORT, f"rolled back to version {version} by {actor}")
        )
        identity = f"rollback:{model}:{time.time_ns()}"
        ledger.record(self.database, ledger.Entry(identity, model, LedgerEvent.ROLLED_BACK, version, previous, actor))
        return previous
