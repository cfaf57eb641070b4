"""Submissions and runs over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.views import Views
from jinsu.errors import BadInputError, ConflictError
from jinsu.runs.admission import Admission
from jinsu.runs.admission import Request as AdmissionRequest
from jinsu.runs.cancellation import Cancellation
from jinsu.runs.catalog import Catalog
from jinsu.runs.journal import Journal
from jinsu.runs.snapshots import SnapshotStore
from jinsu.settings import Settings

_MAX_TRIAL, _MAX_OFFSET = 2**31 - 1, 2**53
"""What a database's integer and a file's offset can be."""


@dataclass(frozen=True)
class Submissions:
    """Code in, submissions recorded, runs shown and cancelled."""

    settings: Settings
    snapshots: SnapshotStore
    admission: Admission
    catalog: Catalog
    journal: Journal
    cancellation: Cancellation
    views: Views

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["runs"])
        router.post("/code")(self.put_code)
        router.post("/check")(self.check)
        router.post("/submissions")(self.submit)
        router.get("/runs")(self.runs)
        router.get("/runs/{run}")(self.run)
        router.get("/runs/{run}/logs")(self.logs)
        router.post("/runs/{run}/cancel")(self.cancel)
        return router

    async def put_code(self, request: Request, who: Known) -> models.Code:
        """Stores a code snapshot, a `tar.gz`; the same archive again changes nothing."""
        limit = self.settings.max_code_bytes
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise BadInputError(f"code snapshot: larger than {limit} bytes packed; put data into a dataset.")
        return models.Code(digest=await anyio.to_thread.run_sync(self.snapshots.put, bytes(body), limit))

    def check(self, body: models.CheckBody, who: Known) -> models.Checked:
        """Checks a spec as admission would; nothing is recorded."""
        spec, version = self.admission.check(body.code_digest, {})
        return models.Checked(model=spec.name, dataset=version.reference, rows=version.rows)

    def submit(self, body: models.SubmissionBody, who: Known) -> models.Accepted:
        """Records a submission; the same idempotency key again finds the same run."""
        request = AdmissionRequest(who.name, body.code_digest, body.idempotency_key, body.overrides)
        row, new = self.admission.admit(request)
        self.catalog.remember_model(row.model, row.code_digest)
        return models.Accepted(id=row.id, new=new, dataset=row.dataset, model=row.model)

    def runs(self, who: Known, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> list[models.RunSummary]:
        """The latest runs, newest first."""
        return self.views.runs(limit)

    def run(self, run: str, who: Known) -> models.Run:
        """One run with its stages, its links, and what it waits for."""
        return self.views.run(run)

    def logs(
        self,
        run: str,
        who: Known,
        trial: Annotated[int, Query(ge=0, le=_MAX_TRIAL)] = 0,
        offset: Annotated[int, Query(ge=0, le=_MAX_OFFSET)] = 0,
    ) -> models.Log:
        """A piece of a training's log from a byte offset on."""
        return self.views.log(run, trial, offset)

    def cancel(self, run: str, body: models.Reason, who: Known) -> models.Run:
        """Ends a run and every process of it. The submitter and administrators may."""
        row = self.journal.submission(run)
        who.require_owner(row.submitter)
        if row.ended is not None:
            raise ConflictError(f"run {run} has {row.state} already.")
        self.cancellation.run(run, body.reason or f"cancelled by {who.name}")
        return self.views.run(run)
