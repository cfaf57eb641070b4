"""Sets of files over HTTP: packs are sent one by one, and a version of them is published last."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.datasets import check_name, shown
from jinsu.api.receiving import draft, receive, upload_name
from jinsu.api.steps import RequestSteps
from jinsu.confined.tasks import FINDINGS, INGESTED, LISTING, PACKS, PUBLISHED, FileSet, confined_step
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.data.packing import MOST_TRAILER, PACK_BYTES
from jinsu.data.packs import Packs
from jinsu.errors import BadInputError, ConflictError, NotFoundError, TransientError
from jinsu.objects.mirror import Mirror
from jinsu.runs.dataset_files import packs_of
from jinsu.runs.ownership import Ownership
from jinsu.runs.removals import refuse_removed, removed_since
from jinsu.runs.text import clean
from jinsu.sdk.file_listing import LISTING_FILE, Header, read_header
from jinsu.state.database import Database
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input, Limits, StepSpec

_MOST_LISTING = 2**30
_EDITION = "file-set-1"


@dataclass(frozen=True)
class FileSets:
    """Researchers of the team that owns the name put versions."""

    database: Database
    objects: Mirror
    datasets: DatasetStore
    ownership: Ownership
    packs: Packs
    steps: StepFolders
    request_steps: RequestSteps
    platform_limits: Limits

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
        router.post("/{name}/missing-packs")(self.missing)
        router.post("/{name}/packs/{sha256}")(self.send)
        router.post("/{name}/file-sets")(self.publish)
        return router

    def missing(self, name: str, body: models.PacksBody, who: Known, team: str = "") -> models.MissingPacks:
        """Which of these packs are not there: those have to be sent."""
        check_name(name)
        self.ownership.claim(who, name, team, keep=False)
        return models.MissingPacks(missing=self.packs.missing(name, body.packs))

    async def send(self, name: str, sha256: str, request: Request, who: Known, team: str = "") -> models.Done:
        """Takes one pack. It is there when all of it has come and has this digest, and not before."""
        check_name(name)
        await anyio.to_thread.run_sync(partial(self.ownership.claim, who, name, team, keep=False))
        target = self.packs.name(name, sha256)
        async with draft(self.objects) as path:
            digest = await receive(request.stream(), path, PACK_BYTES + MOST_TRAILER)
            if digest != sha256:
                raise BadInputError(f"pack {sha256[:12]}: arrived with sha256 {digest[:12]}; send it again.")
            await anyio.to_thread.run_sync(self.objects.adopt, path, target)
        return models.Done(done=f"Pack {sha256[:12]} is there.")

    async def publish(
        self, name: str, request: Request, who: Known, team: str = "", note: Annotated[str, Query(max_length=500)] = ""
    ) -> models.Dataset:
        """Makes a version of files that lie in packs. The body is their listing (`jinsu.sdk.file_listing`)."""
        check_name(name)
        began = time.time()
        await anyio.to_thread.run_sync(partial(self.ownership.claim, who, name, team, keep=False))
        async with draft(self.objects) as path:
            digest = await receive(request.stream(), path, _MOST_LISTING)
            header = await anyio.to_thread.run_sync(_header, path)
            await anyio.to_thread.run_sync(self._require_packs, name, header)
            owner = await anyio.to_thread.run_sync(self.ownership.claim, who, name, team)
            upload = upload_name(path)
            await anyio.to_thread.run_sync(self.objects.send, upload)
            labels = {"team": owner, "dataset": name}
            step = await anyio.to_thread.run_sync(self._step, name, header, Input(LISTING, upload, digest), labels)
            await self.request_steps.finish(step, f"dataset {name}")
        version = await anyio.to_thread.run_sync(self._add, name, step.run_key, who.name, clean(note), began)
        return shown(version)

    def _step(self, name: str, header: Header, listing: Input, labels: dict[str, str]) -> StepSpec:
        """The step that checks the listing, beside those of versions with which it has packs in common."""
        wanted = {pack.sha256 for pack in header.packs}
        earlier: list[Input] = []
        for version in self._versions(name):
            if wanted.intersection(pack.sha256 for pack in packs_of(self.steps, version)):
                earlier += self.steps.inputs(version.step, {f"{PUBLISHED}/{len(earlier)}": LISTING_FILE})
        index = {part.pack: self.packs.name(name, part.pack) for part in header.index}
        packs = [Input(f"{PACKS}/{digest}", uri, digest) for digest, uri in index.items()]
        inputs = (listing, *earlier, *packs)
        return confined_step(FileSet(name, len(earlier)), inputs, self.platform_limits, _EDITION, labels)

    def _versions(self, name: str) -> list[DatasetVersion]:
        with suppress(NotFoundError):
            return self.datasets.versions(name)
        return []

    def _require_packs(self, name: str, header: Header) -> None:
        there = self.packs.sizes(name)
        gone = [pack.sha256 for pack in header.packs if pack.sha256 not in there]
        if gone:
            raise ConflictError(
                f"dataset {name}: {len(gone)} of its packs are not there, such as {gone[0][:12]}; put the folder again, what is "
                "there is not sent again."
            )
        for pack in header.packs:
            if there[pack.sha256] != pack.size:
                raise BadInputError(
                    f"dataset {name}: pack {pack.sha256[:12]} has {there[pack.sha256]} bytes; put the folder again."
                )

    def _add(self, name: str, key: str, person: str, note: str, began: float) -> DatasetVersion:
        """Raises TransientError when a pack, or the step, was deleted meanwhile: another put sends the pack again."""
        version = self.datasets.add(name, self.steps.document(INGESTED, key, FINDINGS), key, person, note)
        refuse_removed(self.database, [key], began)
        names = [self.packs.name(name, pack.sha256) for pack in packs_of(self.steps, version)]
        if removed_since(self.database, names, began) is not None:
            raise TransientError(f"dataset {name}: some of its packs were just deleted; put the folder again.", 2)
        return version


def _header(listing: Path) -> Header:
    try:
        with listing.open("rb") as stream:
            return read_header(stream)
    except ValueError as problem:
        raise BadInputError(f"{problem}; put the folder again with this version of jinsu.") from None
