"""Datasets over HTTP. Files are opened in processes of their own: one that takes all memory does not take the API too."""

from __future__ import annotations

import hmac
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.sampling import Sampling
from jinsu.codec import decode
from jinsu.data.datasets import DatasetVersion
from jinsu.errors import BadInputError, NotFoundError, TransientError
from jinsu.runs.links import signature
from jinsu.runs.ownership import Ownership
from jinsu.settings import Settings
from jinsu.spec.parts import NAME
from jinsu.steps.folders import StepFolders

MAX_BYTES = 8 * 2**30
SUFFIXES = (".parquet", ".csv", ".jsonl", ".tar.gz")
_READING_FAILED = 2
_NO_PAGE = "there is no such page."


@dataclass(frozen=True)
class Datasets:
    """Versions put, listed and sampled; Data Docs shown."""

    settings: Settings
    ownership: Ownership
    sampling: Sampling
    steps: StepFolders

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["datasets"])
        router.get("/datasets")(self.latest)
        router.post("/datasets/{name}")(self.put)
        router.post("/sample", response_class=Response)(self.sample)
        router.get("/docs/{key}/{sign}/{path:path}", response_class=FileResponse)(self.docs)
        return router

    def latest(self, who: Known) -> list[models.Dataset]:
        """The latest version of every dataset, by name."""
        return [_shown(version) for version in self.ownership.readable(who)]

    async def put(self, name: str, suffix: str, request: Request, who: Known, team: str = "") -> models.Dataset:
        """Makes a version from a table file, or from a folder as `.tar.gz`. Members of the team that owns the name may."""
        if not re.fullmatch(NAME, name):
            raise BadInputError(f"dataset {name!r}: use 1 to 40 lower-case letters, digits, '-' and '_'.")
        if suffix not in SUFFIXES:
            raise BadInputError(f"dataset {name}: {suffix!r} is not .parquet, .csv, .jsonl or .tar.gz.")
        await anyio.to_thread.run_sync(partial(self.ownership.claim, who, name, team, keep=False))
        # Beside the datasets: on their disk, and under no system's small /tmp.
        self.settings.objects.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.settings.objects, prefix=".upload-") as folder:
            path = Path(folder) / f"upload{suffix}"
            await _receive(request.stream(), path)
            # Before the version is visible, and after the file has come: a name is nobody's by a broken upload.
            await anyio.to_thread.run_sync(self.ownership.claim, who, name, team)
            printed = await _in_process("jinsu.api.ingest", name, str(path), who.name, about=f"dataset {name}")
        return _shown(decode(DatasetVersion, json.loads(printed.splitlines()[-1])))

    async def sample(
        self, body: models.CheckBody, who: Known, rows: Annotated[int, Query(ge=1, le=10_000)] = 256
    ) -> Response:
        """The first rows that a training of this code would get, as Parquet. Held-out rows are not among them.

        Which rows are held out is the problem's; the caller cannot choose it.
        """
        plan = await anyio.to_thread.run_sync(self.sampling.question, who, body.code_digest, body.team)
        with tempfile.TemporaryDirectory(prefix="jinsu-sample-") as folder:
            path = Path(folder) / "sample.parquet"
            await _in_process("jinsu.api.sample", str(rows), str(path), about="the sample", given=plan)
            return Response(path.read_bytes(), media_type="application/vnd.apache.parquet")

    def docs(self, key: str, sign: str, path: str) -> FileResponse:
        """A page of the Data Docs. The address is its own permission, since nobody can guess it."""
        if not hmac.compare_digest(sign.encode(), signature(self.settings.airflow_secret, key).encode()):
            raise NotFoundError(_NO_PAGE)
        root = self.steps.out(key) / "data_docs"
        target = (root / path).resolve()
        if not target.is_relative_to(root.resolve()) or not target.is_file():
            raise NotFoundError(_NO_PAGE)
        # What a dataset and its expectations say is on this page; a sandbox keeps it away from the browser's session.
        return FileResponse(target, headers={"content-security-policy": "sandbox allow-scripts allow-popups"})


def _shown(version: DatasetVersion) -> models.Dataset:
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
    )


async def _in_process(module: str, *arguments: str, about: str, given: bytes = b"") -> str:
    """What the module prints. given: what it reads, which no other process sees.

    Raises BadInputError with the module's own sentence, or with a general one when it was killed.
    """
    ended = await anyio.run_process([sys.executable, "-m", module, *arguments], input=given, check=False)
    if ended.returncode == _READING_FAILED:
        raise BadInputError(ended.stderr.decode(errors="replace").strip())
    if ended.returncode:
        raise BadInputError(f"{about}: the file could not be read.")
    return ended.stdout.decode()


async def _receive(stream: AsyncIterator[bytes], path: Path) -> None:
    size = 0
    try:
        async with await anyio.open_file(path, "wb") as file:
            async for chunk in stream:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise BadInputError("dataset: larger than 8 GiB; split it.")
                await file.write(chunk)
    except OSError as problem:
        raise TransientError(
            f"dataset: cannot be stored: {problem.strerror}; free disk space and try again.", 30
        ) from problem
