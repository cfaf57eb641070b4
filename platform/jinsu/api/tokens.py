"""Who is asking, and their tokens, over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fastapi import APIRouter, Request

from jinsu.api import models
from jinsu.api.authentication import Known, shown
from jinsu.api.sign_in import new_token
from jinsu.errors import BadInputError, NotFoundError
from jinsu.identity import tokens
from jinsu.runs.text import clean
from jinsu.state import tables
from jinsu.state.database import Database
from jinsu.state.states import TokenUse

CURRENT = "current"
"""In place of a token's id: the token that the request shows."""


@dataclass(frozen=True)
class Tokens:
    """A person's own tokens: listed, made, revoked, rotated."""

    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["people"])
        router.get("/me")(self.me)
        router.get("/tokens")(self.list)
        router.post("/tokens")(self.make)
        router.delete("/tokens/{token}")(self.revoke)
        router.post("/tokens/{token}/rotate")(self.rotate)
        return router

    def me(self, request: Request, who: Known) -> models.Me:
        """Who is asking, with the roles of this moment."""
        row = self._shown(request)
        return models.Me(name=who.name, admin=who.admin, teams=dict(who.teams), token=row.id if row else None)

    def list(self, who: Known) -> list[models.Token]:
        """The asker's tokens that have not ended, oldest first."""
        with self.database.begin() as session:
            rows = tokens.of(session, who.name)
        return [
            models.Token(id=row.id, label=row.label, created=row.created, expires=row.expires, last_used=row.last_used)
            for row in rows
        ]

    def make(self, body: models.TokenBody, who: Known) -> models.NewToken:
        """Makes a token for the asker, for at most a year."""
        with self.database.begin() as session:
            token = tokens.give(
                session,
                who.name,
                TokenUse.API,
                actor=who.name,
                label=clean(body.label),
                lifetime=body.days * tokens.DAY,
            )
            return new_token(session, token)

    def revoke(self, token: str, request: Request, who: Known) -> models.Done:
        """Ends one of the asker's tokens; `current` is the one that the request shows."""
        with self.database.begin() as session:
            tokens.revoke(session, who.name, self._identity(token, request), actor=who.name)
        return models.Done(done="The token has ended.")

    def rotate(self, token: str, request: Request, who: Known) -> models.NewToken:
        """Ends one of the asker's tokens and makes another with the same label, which lives as long again.

        In place of one that never ends, such as those of version 0.1, comes one that does.
        """
        identity = self._identity(token, request)
        with self.database.begin() as session:
            row = session.get(tables.Token, identity, with_for_update=True)
            if row is not None and row.use is not TokenUse.API:
                raise NotFoundError(f"{who.name} has no token {identity!r}; see: jinsu token list")
            if row is not None and row.expires is not None and row.expires <= time.time():
                raise NotFoundError(f"token {identity!r} has ended; make another: jinsu token create")
            tokens.revoke(session, who.name, identity, actor=who.name)
            assert row is not None
            lifetime = tokens.LIFETIME[TokenUse.API] if row.expires is None else row.expires - row.created
            made = tokens.give(session, who.name, TokenUse.API, actor=who.name, label=row.label, lifetime=lifetime)
            return new_token(session, made)

    def _identity(self, token: str, request: Request) -> str:
        if token != CURRENT:
            return token
        row = self._shown(request)
        if row is None:
            raise BadInputError("a browser's session is no token; sign out on the page /login instead.")
        return row.id

    def _shown(self, request: Request) -> tables.Token | None:
        what = shown(request)
        if what is None or what.use is not TokenUse.API:
            return None
        with self.database.begin() as session:
            return tokens.shown(session, what.token)
