"""Submissions and runs over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.api.views import Views, shown_rules
from jinsu.errors import ConflictError, ForbiddenError
from jinsu.identity import audit
from jinsu.identity.people import Person
from jinsu.runs.admission import Admission
from jinsu.runs.admission import Request as AdmissionRequest
from jinsu.runs.cancellation import Cancellation
from jinsu.runs.snapshots import SnapshotStore
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, Role
from jinsu.state.tables import Submission

_MAX_TRIAL, _MAX_OFFSET = 2**31 - 1, 2**53
"""What a database's integer and a file's offset can be."""


@dataclass(frozen=True)
class Submissions:
    """Code in, submissions recorded, runs shown and cancelled."""

    database: Database
    settings: Settings
    snapshots: SnapshotStore
    admission: Admission
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
        body = await request.body()  # `jinsu.api.front` lets no more come than fits
        put = partial(self.snapshots.put, body, self.settings.max_code_bytes)
        return models.Code(digest=await anyio.to_thread.run_sync(put))

    def check(self, body: models.CheckBody, who: Known) -> models.Checked:
        """Checks a spec as admission would; nothing is recorded."""
        plan = self.admission.check(who, body.code_digest, {}, body.team)
        return models.Checked(
            model=plan.spec.name,
            problem=plan.rules.problem,
            problem_version=plan.rules.version,
            team=plan.rules.team,
            dataset=plan.version.reference,
            rows=plan.version.rows,
            columns=dict(plan.version.schema),
            rules=shown_rules(plan.rules),
            effective=plan.rules,
            expectations=plan.expectations,
        )

    def submit(self, body: models.SubmissionBody, who: Known) -> models.Accepted:
        """Records a submission; the same idempotency key again finds the same run."""
        request = AdmissionRequest(who, body.code_digest, body.idempotency_key, body.overrides, team=body.team)
        row, new = self.admission.admit(request)
        return models.Accepted(id=row.id, new=new, dataset=row.dataset, model=row.model)

    def runs(self, who: Known, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> list[models.RunSummary]:
        """The latest runs, newest first."""
        return self.views.runs(who, limit)

    def run(self, run: str, who: Known) -> models.Run:
        """One run with its stages, its links, and what it waits for."""
        return self.views.run(who, run)

    def logs(
        self,
        run: str,
        who: Known,
        trial: Annotated[int, Query(ge=0, le=_MAX_TRIAL)] = 0,
        offset: Annotated[int, Query(ge=0, le=_MAX_OFFSET)] = 0,
    ) -> models.Log:
        """A piece of a training's log from a byte offset on."""
        return self.views.log(who, run, trial, offset)

    def cancel(self, run: str, body: models.Reason, who: Known) -> models.Run:
        """Ends a run and every process of it. The submitter, owners of the team and administrators may."""
        row = self.views.seen(who, run)
        overrides = who.name != row.submitter and not who.has(Role.OWNER, row.team)
        if overrides and not who.admin:
            raise ForbiddenError(
                f"{who.name} did not submit run {run}; {row.submitter} or an owner of team {row.team} may cancel it."
            )
        if row.ended is not None:
            raise ConflictError(f"run {run} has {row.state} already.")
        if overrides:
            self._note_override(who, row)
        self.cancellation.run(run, body.reason or f"cancelled by {who.name}")
        return self.views.run(who, run)

    def _note_override(self, who: Person, row: Submission) -> None:
        """An administrator ends another team's run; the audit log keeps who did."""
        with self.database.begin() as session:
            audit.note(session, who.name, AuditEvent.OVERRIDDEN, f"run {row.id} of team {row.team}", "cancelled")
