"""What became of datasets, over HTTP: versions listed, compared, copied and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import anyio
from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.datasets import shown
from jinsu.api.steps import RequestSteps
from jinsu.confined.tasks import FINDINGS, NEW, OLD, Differ, confined_step
from jinsu.data.changes import RowChange, schema_change
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.errors import BadInputError, NotFoundError
from jinsu.identity import audit
from jinsu.identity.people import Person
from jinsu.objects.mirror import Mirror
from jinsu.retention.deletion import DatasetDeletion
from jinsu.runs.dataset_files import dataset_file, dataset_files
from jinsu.runs.dataset_inputs import dataset_inputs
from jinsu.runs.ownership import Ownership
from jinsu.sdk.file_listing import LISTING_FILE
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input, Limits, StepSpec

Digits = Annotated[str, Query(max_length=64)]
"""Digits of a version; "" for the one that the name stands for, or for all of them where that is said."""
_EDITION = "differ-1"


@dataclass(frozen=True)
class DatasetPages:
    """Whoever may see a dataset sees its versions and what differs; its rows leave for few, and owners delete."""

    database: Database
    objects: Mirror
    datasets: DatasetStore
    ownership: Ownership
    deletion: DatasetDeletion
    steps: StepFolders
    request_steps: RequestSteps
    platform_limits: Limits

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
        router.get("/{name}/versions")(self.versions)
        router.get("/{name}/difference")(self.difference)
        router.get("/{name}/files")(self.files)
        router.get("/{name}/files/{path:path}", response_class=FileResponse)(self.file)
        router.delete("/{name}")(self.delete)
        return router

    def versions(self, name: str, who: Known) -> list[models.Dataset]:
        """Every version of a dataset, newest first."""
        self.ownership.require_readable(who, name)
        latest = self.datasets.resolve(name)
        return [shown(version, latest=version == latest) for version in self.datasets.versions(name)]

    async def difference(
        self,
        name: str,
        who: Known,
        old: Digits,
        new: Digits = "",
        key: Annotated[list[str] | None, Query(max_length=16)] = None,
    ) -> models.DatasetDifference:
        """What differs between two versions: columns by name, rows in numbers.

        key: columns whose values say which row of one version is which of the other; files are known by their paths.
        """
        before, after = await anyio.to_thread.run_sync(self._both, who, name, old, new)
        step = await anyio.to_thread.run_sync(self._comparison, before, after, tuple(key or ()))
        await self.request_steps.finish(step, f"the difference of {before.reference} and {after.reference}")
        rows = await anyio.to_thread.run_sync(self.steps.document, RowChange, step.run_key, FINDINGS)
        columns = schema_change(before.schema, after.schema)
        return models.DatasetDifference(
            old=before.reference,
            new=after.reference,
            columns_added=dict(columns.added),
            columns_removed=dict(columns.removed),
            columns_retyped={name: list(kinds) for name, kinds in columns.retyped.items()},
            added=rows.added,
            removed=rows.removed,
            changed=rows.changed,
            same=rows.same,
        )

    def _both(self, who: Person, name: str, old: str, new: str) -> tuple[DatasetVersion, DatasetVersion]:
        self.ownership.require_readable(who, name)
        return self.datasets.resolve(f"{name}@{old}"), self.datasets.resolve(f"{name}@{new}")

    def _comparison(self, old: DatasetVersion, new: DatasetVersion, keys: tuple[str, ...]) -> StepSpec:
        if keys and old.packed:
            raise BadInputError("--key is for tables; files are known by their paths.")
        if old.kind != new.kind or old.packed != new.packed:
            raise BadInputError(
                f"{old.reference} is {_kind(old)} and {new.reference} is {_kind(new)}: put one kind to compare."
            )
        inputs = [*self._compared(old, OLD), *self._compared(new, NEW)]
        details = Differ(keys, listings=old.packed)
        return confined_step(details, inputs, self.platform_limits, _EDITION, {"dataset": old.name})

    def _compared(self, version: DatasetVersion, name: str) -> tuple[Input, ...]:
        if version.packed:
            return self.steps.inputs(version.step, {name: LISTING_FILE})
        return dataset_inputs(self.datasets, self.steps, version, name)

    def files(self, name: str, who: Known, version: Digits = "") -> list[models.DatasetFile]:
        """The files of a version, for a copy of it. Owners may have one, and whoever put the version."""
        found = self._copied(who, name, version)
        with self.database.begin() as session:
            audit.note(session, who.name, AuditEvent.DATASET_READ, found.reference)
        return [models.DatasetFile(name=item.name, sha256=item.digest) for item in dataset_files(self.steps, found)]

    def file(self, name: str, path: str, who: Known, version: Digits = "") -> FileResponse:
        """The content of one of the files."""
        item = dataset_file(self.steps, self._copied(who, name, version), path)
        found = self.objects.file(item.uri)
        if not found.is_file():
            raise NotFoundError(f"dataset {name}: its file {path[:200]!r} is gone; put the dataset again.")
        return FileResponse(found, media_type="application/octet-stream", headers={"x-content-type-options": "nosniff"})

    def _copied(self, who: Person, name: str, version: str) -> DatasetVersion:
        self.ownership.require_readable(who, name)
        found = self.datasets.resolve(f"{name}@{version}")
        self.ownership.require_rows(who, found)
        return found

    def delete(self, name: str, who: Known, version: Digits = "", dry_run: bool = False) -> models.DatasetDeleted:
        """Deletes a version, or with version "" every one. Owners of the team may, unless a run, problem or model needs it."""
        work = self.deletion.plan if dry_run else self.deletion.delete
        done = work(who, name, version)
        return models.DatasetDeleted(
            deleted=not dry_run,
            versions=[item.reference for item in done.versions],
            size=done.size,
            needs=list(done.needs),
        )


def _kind(version: DatasetVersion) -> str:
    return "a table" if version.kind == "table" else "a set of files"
