"""The audit log over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.identity import audit
from jinsu.runs.text import clean
from jinsu.state.database import Database

_MOST = 1000


@dataclass(frozen=True)
class Audit:
    """What people did to people, rights and rules."""

    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/audit", tags=["people"])
        router.get("")(self.latest)
        return router

    def latest(self, who: Known, limit: Annotated[int, Query(ge=1, le=_MOST)] = 100) -> list[models.AuditEntry]:
        """The latest entries, newest first. Administrators see all, others what they did themselves."""
        with self.database.begin() as session:
            rows = audit.latest(session, limit, None if who.admin else who.name)
        return [
            models.AuditEntry(
                at=row.at, actor=clean(row.actor), event=row.event, subject=clean(row.subject), detail=clean(row.detail)
            )
            for row in rows
        ]
