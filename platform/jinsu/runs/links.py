"""Addresses that people open: the run, its data docs, its evidence, its endpoint."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from jinsu.runs.journal import output_of
from jinsu.runs.stages import StageName, Validated
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.tables import Endpoint, StageRecord, Submission


@dataclass(frozen=True)
class Links:
    """Works out the links of runs."""

    settings: Settings
    database: Database

    def of(self, run: str) -> Mapping[str, str]:
        """Every link that leads somewhere by now, by its title."""
        with self.database.begin() as session:
            row = session.get(Submission, run)
            validation = session.get(StageRecord, (run, StageName.VALIDATE_DATA, 0))
            registered = session.get(StageRecord, (run, StageName.REGISTER, 0))
            promoted = session.get(StageRecord, (run, StageName.PROMOTE, 0))
            serving = row is not None and session.get(Endpoint, row.model) is not None
        if row is None:
            return {}
        links = {}
        if serving or (promoted is not None and promoted.output):  # the controller follows a promotion within a second
            links["Endpoint"] = self.endpoint(row.model)
        if row.mlflow_run:
            mlflow_run = f"{self.settings.address('mlflow')}/#/experiments/{row.experiment}/runs/{row.mlflow_run}"
            links["MLflow run"] = mlflow_run
            if registered is not None and registered.output:
                links["Evidence"] = f"{mlflow_run}/artifactPath/evidence.html"
        validated = output_of(validation) if validation is not None else None
        if isinstance(validated, Validated) and validated.page:
            links["Data docs"] = self._docs(validated)
        return links

    def endpoint(self, model: str) -> str:
        return f"{self.settings.address('endpoint')}/models/{model}/invocations"

    def _docs(self, validated: Validated) -> str:
        key = validated.docs or validated.run_key
        sign = signature(self.settings.airflow_secret, key)
        return f"{self.settings.address('api')}/v1/docs/{key}/{sign}/{validated.page}"


def signature(secret: str, key: str) -> str:
    """Makes the address of a page unguessable: a browser that follows the link carries no token."""
    return hmac.new(secret.encode(), f"docs:{key}".encode(), hashlib.sha256).hexdigest()[:32]
