"""Datasets over HTTP. A file that is sent is opened in a confined step, never here."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.pages import OTHERS_PAGE
from jinsu.api.receiving import draft, receive, upload_name
from jinsu.api.sampling import Sampling
from jinsu.api.steps import RequestSteps
from jinsu.confined.tasks import DOCS, FINDINGS, INGESTED, SAMPLE, UPLOAD, Ingest, confined_step
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.errors import BadInputError, NotFoundError
from jinsu.objects.mirror import Mirror
from jinsu.runs.links import signature
from jinsu.runs.ownership import Ownership
from jinsu.runs.removals import refuse_removed
from jinsu.runs.text import clean
from jinsu.settings import Settings
from jinsu.spec.parts import NAME
from jinsu.state.database import Database
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input, Limits

MAX_BYTES = 8 * 2**30
SUFFIXES = (".parquet", ".csv", ".jsonl", ".tar.gz")
_NO_PAGE = "there is no such page."


@dataclass(frozen=True)
class Datasets:
    """Versions put, listed and sampled; Data Docs shown."""

    settings: Settings
    database: Database
    objects: Mirror
    ownership: Ownership
    datasets: DatasetStore
    sampling: Sampling
    steps: StepFolders
    request_steps: RequestSteps
    platform_limits: Limits

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["datasets"])
        router.get("/datasets")(self.latest)
        router.post("/datasets/{name}")(self.put)
        router.post("/sample", response_class=Response)(self.sample)
        router.get("/docs/{key}/{sign}/{path:path}", response_class=FileResponse)(self.docs)
        return router

    def latest(self, who: Known) -> list[models.Dataset]:
        """The latest version of every dataset, by name."""
        return [shown(version) for version in self.ownership.readable(who)]

    async def put(
        self,
        name: str,
        suffix: str,
        request: Request,
        who: Known,
        team: str = "",
        file: Annotated[str, Query(max_length=255)] = "",
        note: Annotated[str, Query(max_length=500)] = "",
    ) -> models.Dataset:
        """Makes a version from a table file, or from a folder as `.tar.gz`. Members of the team that owns the name may.

        file: what the sender calls the file, for messages. note: kept with a version that is new.
        """
        began = time.time()
        check_name(name)
        if suffix not in SUFFIXES:
            raise BadInputError(f"dataset {name}: {suffix!r} is not .parquet, .csv, .jsonl or .tar.gz.")
        await anyio.to_thread.run_sync(partial(self.ownership.claim, who, name, team, keep=False))
        async with self._received(request.stream(), suffix) as upload:
            # Before the version is visible, and after the file has come: a name is nobody's by a broken upload.
            owner = await anyio.to_thread.run_sync(self.ownership.claim, who, name, team)
            details = Ingest(clean(file) or f"{name}{suffix}", suffix)
            labels = {"team": owner, "dataset": name}
            step = confined_step(
                details, (upload,), self.platform_limits, "ingest-1", labels, known_as={"suffix": suffix}
            )
            await self.request_steps.finish(step, f"dataset {name}")
        version = await anyio.to_thread.run_sync(self._add, name, step.run_key, who.name, clean(note), began)
        return shown(version)

    def _add(self, name: str, key: str, person: str, note: str, began: float) -> DatasetVersion:
        """Raises TransientError when the content, which an earlier put left, was deleted meanwhile."""
        version = self.datasets.add(name, self.steps.document(INGESTED, key, FINDINGS), key, person, note)
        refuse_removed(self.database, [key], began)
        return version

    @asynccontextmanager
    async def _received(self, stream: AsyncIterator[bytes], suffix: str) -> AsyncIterator[Input]:
        """The file that is being sent, as a step's input, until the block ends."""
        async with draft(self.objects, suffix) as path:
            digest = await receive(stream, path, MAX_BYTES)
            await anyio.to_thread.run_sync(self.objects.send, upload_name(path))
            yield Input(f"{UPLOAD}{suffix}", upload_name(path), digest)

    async def sample(
        self, body: models.CheckBody, who: Known, rows: Annotated[int, Query(ge=1, le=10_000)] = 256
    ) -> Response:
        """The first rows that a training of this code would get, as Parquet. Held-out rows are not among them.

        Which rows are held out is the problem's; the caller cannot choose it.
        """
        step = await anyio.to_thread.run_sync(self.sampling.step, who, body.code_digest, body.team, rows)
        await self.request_steps.finish(step, "the sample")
        content = await anyio.to_thread.run_sync(self.steps.content, step.run_key, SAMPLE)
        return Response(content, media_type="application/vnd.apache.parquet")

    def docs(self, key: str, sign: str, path: str) -> FileResponse:
        """A page of the Data Docs. The address is its own permission, since nobody can guess it."""
        if not hmac.compare_digest(sign.encode(), signature(self.settings.airflow_secret, key).encode()):
            raise NotFoundError(_NO_PAGE)
        root = self.steps.out(key) / DOCS
        target = (root / path).resolve()
        if not target.is_relative_to(root.resolve()) or not target.is_file():
            raise NotFoundError(_NO_PAGE)
        return FileResponse(target, headers=OTHERS_PAGE)


def check_name(name: str) -> None:
    """Raises BadInputError for what no dataset may be called."""
    if not re.fullmatch(NAME, name):
        raise BadInputError(f"dataset {name!r}: use 1 to 40 lower-case letters, digits, '-' and '_'.")


def shown(version: DatasetVersion, *, latest: bool = True) -> models.Dataset:
    """A version as the API shows it."""
    return models.Dataset(
        name=version.name,
        version=version.version,
        digest=version.digest,
        kind=version.kind,
        rows=version.rows,
        size=version.size,
        columns=dict(version.schema),
        created=version.created,
        created_by=version.created_by,
        note=version.note,
        packed=version.packed,
        latest=latest,
    )
