"""Removes what retention has decided on, so that no run loses what it needs."""

from __future__ import annotations

import getpass
import time
from collections.abc import Sequence
from dataclasses import dataclass

from jinsu.errors import JinsuError
from jinsu.identity import audit
from jinsu.objects.mirror import Mirror
from jinsu.registry.mlflow import Mlflow
from jinsu.retention import records
from jinsu.retention.announcements import announce, withdraw
from jinsu.retention.decision import Decision, Facts, Unneeded, Version, decide, in_batches
from jinsu.retention.inventory import inventory, remove
from jinsu.runs.catalog import Catalog
from jinsu.runs.removals import EXPIRES_SECONDS
from jinsu.runs.revocations import retire
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent
from jinsu.state.tables import Removal

_AT_ONCE = 100
_OLD = "retention removed its files"


@dataclass(frozen=True)
class Retention:
    """Finds and removes what nothing needs."""

    settings: Settings
    database: Database
    objects: Mirror
    mlflow: Mlflow
    catalog: Catalog

    def plan(self) -> Decision:
        """What would go now; nothing is changed."""
        return self._decide(None)

    def run(self) -> Sequence[Unneeded]:
        """Removes what may go; returns what went. What a run has asked for meanwhile stays."""
        decision = self._decide(None)
        retired = [version for version in decision.versions if self._retire(version)]
        if len(retired) < len(decision.versions):
            decision = self._decide(None)  # some came into use, and what they need stays
        gone: list[Unneeded] = []
        for batch in in_batches(decision.objects, _AT_ONCE):
            gone += self._remove(batch)
        return gone

    def _remove(self, batch: Sequence[Unneeded]) -> list[Unneeded]:
        until = time.monotonic() + EXPIRES_SECONDS / 2
        announce(self.database, batch)
        unneeded = {item.name for item in self._decide({item.name for item in batch}).objects}
        gone = [item for item in batch if item.name in unneeded]
        withdraw(self.database, [item.name for item in batch if item.name not in unneeded])
        for place, item in enumerate(gone):
            if time.monotonic() > until:  # a run may not wait for what was announced long ago
                withdraw(self.database, [late.name for late in gone[place:]])
                return gone[:place]
            remove(self.objects, item.name)
            with self.database.begin() as session:
                session.get_one(Removal, item.name).done = True
                audit.note(session, _actor(), AuditEvent.REMOVED, item.name, f"{item.size} bytes: {item.why}")
        return gone

    def _decide(self, only: set[str] | None) -> Decision:
        """What may go by the records of now; `only`, among these objects."""
        now = time.time()
        found = [item for item in inventory(self.objects) if only is None or item.name in only]
        # The records are read after the objects: what a run has asked for by now is seen.
        with self.database.begin() as session:
            runs = records.runs(session, ())
        aliased = self._aliased({run.version.model for run in runs if run.version is not None})
        with self.database.begin() as session:
            runs = records.runs(session, aliased)
        return decide(self.settings.retention, Facts(runs, found, records.offered(self.catalog.read())), now)

    def _aliased(self, models: set[str]) -> set[tuple[str, str]]:
        """Versions that a person gave an alias; none is asked for while no version may go."""
        if self.settings.retention.old_versions is None:
            return set()
        return {(model, version) for model in models for version in self.mlflow.aliases(model).values()}

    def _retire(self, version: Version) -> bool:
        """Ends the right of an old version to serve; False when it came into use meanwhile."""
        try:
            with self.database.begin() as session:
                retire(session, version.model, version.number, _actor(), _OLD)
        except JinsuError:
            return False
        self.mlflow.tag_version(version.model, version.number, "jinsu.review", f"revoked: {_OLD}")
        return True


def _actor() -> str:
    """Who removes: the user of this machine's account."""
    try:
        return f"retention, started by {getpass.getuser()}"[:64]
    except (OSError, KeyError):
        return "retention"
