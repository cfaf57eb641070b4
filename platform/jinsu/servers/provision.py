"""What an installation needs from its servers once they run. Repeating it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinsu.clients.airflow import Airflow
from jinsu.identity.people import PLATFORM
from jinsu.runs.catalog import Catalog, CodeVersion
from jinsu.runs.ownership import Ownership
from jinsu.runs.snapshots import SnapshotStore, pack
from jinsu.settings import Settings
from jinsu.spec.load import read_spec


@dataclass(frozen=True)
class Provision:
    """The training pool, and the examples for the trigger form."""

    settings: Settings
    airflow: Airflow
    snapshots: SnapshotStore
    catalog: Catalog
    ownership: Ownership

    def run(self, examples: Path) -> None:
        """examples: a folder of examples, one folder each. Raises TransientError while Airflow does not answer."""
        self.airflow.ensure_pool("training", self.settings.training_slots)
        self.ownership.adopt()
        self._offer(examples)

    def _offer(self, examples: Path) -> None:
        """Puts the code of the examples into the catalog, so that the trigger form knows them from the start."""
        self.catalog.offer_examples([self._example(path.parent) for path in sorted(examples.glob("*/model.yaml"))])

    def _example(self, folder: Path) -> CodeVersion:
        spec, limit = read_spec(folder), self.settings.max_code_bytes
        digest = self.snapshots.put(pack(folder, limit)[0], limit)
        problem = spec.problem if isinstance(spec.problem, str) else spec.problem.name or spec.name
        return CodeVersion(spec.name, problem, digest, PLATFORM, 0.0, spec.train.params)
