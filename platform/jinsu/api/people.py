"""People over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from jinsu.api import models
from jinsu.api.authentication import Known
from jinsu.state.database import Database


@dataclass(frozen=True)
class People:
    """Tokens given."""

    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/users", tags=["people"])
        router.post("")(self.create)
        return router

    def create(self, body: models.UserBody, who: Known) -> models.Token:
        """Gives a person a new token; a former one ends. Administrators may."""
        who.require_admin()
        token = ""
        return models.Token(name=body.name, role=body.role, token=token)
