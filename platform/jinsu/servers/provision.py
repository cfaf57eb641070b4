"""What an installation needs from its servers once they run. Repeating it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinsu.clients.airflow import Airflow
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.catalog import Catalog
from jinsu.runs.snapshots import SnapshotStore, pack
from jinsu.settings import Settings
from jinsu.spec.load import read_spec

_REVIEWER_MAY = (("experiment", "READ"), ("registered_model", "EDIT"), ("registered_model_version", "READ"))


@dataclass(frozen=True)
class Provision:
    """The training pool, the reviewer's account, and the examples for the trigger form."""

    settings: Settings
    airflow: Airflow
    mlflow: Mlflow
    snapshots: SnapshotStore
    catalog: Catalog

    def run(self, examples: Path) -> None:
        """examples: a folder of examples, one folder each. Raises TransientError while a server does not answer."""
        self.airflow.ensure_pool("training", self.settings.training_slots)
        reviewer = self.settings.mlflow_reviewer
        self.mlflow.ensure_user(reviewer)
        for kind, permission in _REVIEWER_MAY:
            self.mlflow.grant(reviewer.name, kind, permission)
        self._offer(examples)

    def _offer(self, examples: Path) -> None:
        """Puts the code of the examples into the catalog, so that the trigger form knows them from the start."""
        limit = self.settings.max_code_bytes
        for spec in sorted(examples.glob("*/model.yaml")):
            data, _ = pack(spec.parent, limit)
            digest = self.snapshots.put(data, limit)
            self.catalog.remember_model(read_spec(spec.parent).name, digest, replace_known=False)
