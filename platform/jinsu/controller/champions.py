"""Makes the endpoint serve what MLflow calls the champion, also when a person moved the alias by hand."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.controller.each import for_each
from jinsu.errors import NotFoundError
from jinsu.registry.mlflow import CHAMPION, Mlflow
from jinsu.release.advance import Phase
from jinsu.runs import ledger
from jinsu.state.database import Database
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import Candidate, Endpoint, Rollout


@dataclass(frozen=True)
class ChampionFollower:
    """One pass is `run()`; it may be repeated."""

    database: Database
    mlflow: Mlflow

    def run(self) -> None:
        """Raises JinsuError, after every model had its turn: NotFoundError for a version of unknown origin."""
        with self.database.begin() as session:
            models = session.scalars(select(Candidate.model).where(Candidate.ready).distinct()).all()
            serving = {row.model: row.champion for row in session.scalars(select(Endpoint))}
        for_each(models, lambda model: self._follow(model, serving.get(model)))

    def _follow(self, model: str, serving: str | None) -> None:
        version = self.mlflow.aliases(model).get(CHAMPION)
        if version is None or version == serving:
            return
        if not self._serve(model, version):
            raise NotFoundError(
                f"{model}: champion is version {version}, which Jinsu did not register; such a version is not served."
            )
        self._note_move(model, version, serving)

    def _serve(self, model: str, version: str) -> bool:
        """Points the endpoint at a version; False when Jinsu did not register it."""
        known = select(Candidate.version).where(Candidate.model == model, Candidate.version == version, Candidate.ready)
        with self.database.begin() as session:
            if session.scalar(known) is None:
                return False
            row = session.get(Endpoint, model) or Endpoint(model=model, champion=version, updated=0.0)
            row.champion, row.updated = version, time.time()
            session.add(row)
        return True

    def _note_move(self, model: str, version: str, previous: str | None) -> None:
        """A move that neither the ledger nor a rollout knows was made by hand in MLflow."""
        promotion = select(Rollout.submission).where(
            Rollout.model == model,
            Rollout.challenger == version,
            Rollout.phase.in_((Phase.PROMOTING, Phase.PROMOTED)),
        )
        with self.database.begin() as session:
            last = ledger.last_move(session, model)
            known = (last is not None and last.version == version) or session.scalar(promotion) is not None
        if not known:
            identity = f"hand:{model}:{time.time_ns()}"
            entry = ledger.Entry(identity, model, LedgerEvent.MOVED_BY_HAND, version, previous, "mlflow")
            ledger.record(self.database, entry)
