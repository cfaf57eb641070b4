"""Signing in a command line over HTTP: with a password, or through a browser that confirms a code."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from sqlalchemy.orm import Session

from jinsu.api import models
from jinsu.errors import ForbiddenError
from jinsu.identity import device, tokens
from jinsu.identity.sign_in import with_password
from jinsu.runs.text import clean
from jinsu.settings import Settings
from jinsu.state.database import Database
from jinsu.state.states import TokenUse


@dataclass(frozen=True)
class SignIn:
    """Tokens for command lines that have none yet."""

    settings: Settings
    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/login", tags=["people"])
        router.get("")(self.ways)
        router.post("")(self.with_password)
        router.post("/device")(self.begin)
        router.post("/device/token")(self.collect)
        return router

    def ways(self) -> models.SignInWays:
        """How people sign in here."""
        return models.SignInWays(
            local_accounts=self.settings.local_accounts, identity_provider=self.settings.oidc is not None
        )

    def with_password(self, body: models.SignInBody) -> models.NewToken:
        """Gives a token to whoever knows the password of a local account."""
        require_local_accounts(self.settings)
        person = with_password(self.database, body.name, body.password, "command line")
        with self.database.begin() as session:
            token = tokens.give(session, person.name, TokenUse.API, actor=person.name, label=clean(body.label))
            return new_token(session, token)

    def begin(self, body: models.DeviceBody) -> models.DeviceRequest:
        """Begins a sign-in that a person confirms in a browser within ten minutes."""
        begun = device.begin(self.database, clean(body.label))
        return models.DeviceRequest(
            device_code=begun.device,
            user_code=begun.user,
            url=f"{self.settings.address('api')}/login/device?{urlencode({'code': begun.user})}",
            interval=device.INTERVAL,
            expires=device.LIFETIME,
        )

    def collect(self, body: models.DeviceCodeBody) -> models.DeviceAnswer:
        """Gives the token of a confirmed sign-in, once."""
        collected = device.collect(self.database, body.device_code)
        if collected is None:
            return models.DeviceAnswer(state="waiting")
        with self.database.begin() as session:
            return models.DeviceAnswer(state="confirmed", token=new_token(session, collected[1]))


def require_local_accounts(settings: Settings) -> None:
    """Raises ForbiddenError where no password opens anything."""
    if not settings.local_accounts:
        raise ForbiddenError("this platform keeps no passwords; sign in at its identity provider: jinsu login")


def new_token(session: Session, token: str) -> models.NewToken:
    """The answer that shows a token to the person whom it was made for."""
    row = tokens.shown(session, token)
    assert row is not None
    return models.NewToken(id=row.id, person=row.person, label=row.label, expires=row.expires, token=token)
