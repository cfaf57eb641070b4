"""Makes the endpoint serve what MLflow calls the champion, also when a person moved the alias by hand."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from jinsu.controller.each import for_each
from jinsu.registry.mlflow import CHAMPION, Mlflow
from jinsu.runs.champions import Champions
from jinsu.state.database import Database
from jinsu.state.tables import Candidate, Endpoint


@dataclass(frozen=True)
class ChampionFollower:
    """One pass is `run()`; it may be repeated."""

    database: Database
    mlflow: Mlflow
    champions: Champions

    def run(self) -> None:
        """Raises JinsuError, after every model had its turn, when MLflow did not answer about one."""
        with self.database.begin() as session:
            models = session.scalars(select(Candidate.model).where(Candidate.ready).distinct()).all()
            serving = {row.model: row.champion for row in session.scalars(select(Endpoint))}
        for_each(models, lambda model: self._follow(model, serving.get(model)))

    def _follow(self, model: str, serving: str | None) -> None:
        # Looked at without a lock first: most models stay as they are.
        if self.mlflow.aliases(model).get(CHAMPION) not in (None, serving):
            self.champions.follow(model)
