"""Airflow's pages under `/auth`: signing in through the API, signing out, tokens for programs, and links to filtered runs.

A browser is sent to the API with a random state, which it also keeps in a cookie. The API signs the person in and sends
the browser back with a code that works once. Only the browser that began the sign-in has the cookie, so a link with
somebody else's code signs nobody in.
"""

from __future__ import annotations

import hmac
import secrets
import time
from html import escape
from typing import TYPE_CHECKING

from airflow.api_fastapi.app import AUTH_MANAGER_FASTAPI_APP_PREFIX, get_cookie_path
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.configuration import conf
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jwt import InvalidTokenError
from pydantic import BaseModel

from jinsu.errors import ForbiddenError, TransientError
from jinsu.identity import tokens
from jinsu.identity.people import Person
from jinsu.identity.sign_in import with_password
from jinsu.orchestration import addresses
from jinsu.orchestration.permissions import Platform
from jinsu.orchestration.signed_in import SESSION_SECONDS, SignedIn
from jinsu.settings import Settings
from jinsu.state.states import TokenUse
from jinsu.web.unavailable import Unavailable

if TYPE_CHECKING:
    from jinsu.orchestration.auth_manager import JinsuAuthManager

_MINUTES = 10
_PREFIX = AUTH_MANAGER_FASTAPI_APP_PREFIX


class Credentials(BaseModel):
    """What a program shows for a token of Airflow: an API token, or the name and password of a local account."""

    token: str | None = None
    username: str | None = None
    password: str | None = None


class AirflowToken(BaseModel):
    """A token for Airflow's REST API, as the header `Authorization: Bearer TOKEN`."""

    access_token: str


def pages(manager: JinsuAuthManager, settings: Settings) -> FastAPI:
    """The application that Airflow mounts under `/auth`."""
    app = FastAPI(title="Signing in to Airflow", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Unavailable)
    app.include_router(_browser(manager, settings))
    app.include_router(_programs(manager, settings))
    app.include_router(_filters(manager))
    return app


def _browser(manager: JinsuAuthManager, settings: Settings) -> APIRouter:
    router = APIRouter()
    secure = settings.address("airflow").startswith("https:")

    def here(request: Request, wanted: str) -> str:
        return addresses.path_here(wanted, settings.address("airflow"), str(request.base_url).removesuffix("/auth/"))

    @router.get("/login")
    def login(request: Request, next: str = "") -> Response:  # noqa: A002
        """Begins a sign-in."""
        state = secrets.token_urlsafe(32)
        answer = _go(addresses.sign_in(settings.address("api"), state, here(request, next)))
        answer.set_cookie(
            _cookie_of(state), state, _MINUTES * 60, path=_PREFIX, secure=secure, httponly=True, samesite="lax"
        )
        return answer

    @router.get("/callback")
    def callback(request: Request, code: str = "", state: str = "", next: str = "") -> Response:  # noqa: A002
        """Ends a sign-in: the browser has come back from the API."""
        begun = request.cookies.get(_cookie_of(state), "")
        if not begun or not hmac.compare_digest(begun.encode(), state.encode()):
            return _refused(400, f"this sign-in began in another browser, or more than {_MINUTES} minutes ago.")
        person = tokens.redeem(manager.database, code, TokenUse.AIRFLOW_CODE)
        if person is None:
            return _refused(
                403, "this sign-in was used already, or took longer than a minute, or the account has ended."
            )
        answer = _go(here(request, next))
        answer.delete_cookie(_cookie_of(state), path=_PREFIX, secure=secure, httponly=True, samesite="lax")
        answer.set_cookie(
            COOKIE_NAME_JWT_TOKEN,
            manager.generate_jwt(_now(person), expiration_time_in_seconds=SESSION_SECONDS),
            path=get_cookie_path(),
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    @router.get("/logout")
    def logout(request: Request) -> Response:
        """Ends the session here, and then the one at the API."""
        if token := request.cookies.get(COOKIE_NAME_JWT_TOKEN):
            manager.revoke_token(token)
        answer = _go(f"{settings.address('api')}/logout")
        answer.delete_cookie(
            COOKIE_NAME_JWT_TOKEN, path=get_cookie_path(), secure=secure, httponly=True, samesite="lax"
        )
        return answer

    return router


def _programs(manager: JinsuAuthManager, settings: Settings) -> APIRouter:
    router = APIRouter()

    @router.post("/token", status_code=201)
    def token(shown: Credentials) -> AirflowToken:
        """A token of an hour for Airflow's REST API."""
        person = _recognised(manager, settings, shown)
        seconds = conf.getint("api_auth", "jwt_cli_expiration_time")
        return AirflowToken(access_token=manager.generate_jwt(_now(person), expiration_time_in_seconds=seconds))

    return router


def _recognised(manager: JinsuAuthManager, settings: Settings, shown: Credentials) -> Person:
    """Raises HTTPException for credentials that are nobody's."""
    if shown.username and shown.password:
        if not getattr(settings, "local_accounts", True):
            raise HTTPException(401, "this installation keeps no passwords; show an API token: jinsu token create")
        try:
            return with_password(manager.database, shown.username, shown.password, "airflow")
        except ForbiddenError as problem:
            raise HTTPException(401, str(problem)) from problem
        except TransientError as problem:
            raise HTTPException(429, str(problem)) from problem
    person = tokens.recognise(manager.database, shown.token, TokenUse.API)
    if person is None:
        raise HTTPException(401, "token: it is unknown, or has ended; make one: jinsu token create")
    return person


def _filters(manager: JinsuAuthManager) -> APIRouter:
    router = APIRouter()

    async def person(request: Request) -> Person | None:
        try:
            user = await manager.get_user_from_token(request.cookies.get(COOKIE_NAME_JWT_TOKEN, ""))
        except InvalidTokenError:
            return None
        return None if isinstance(user.caller, Platform) else user.caller

    @router.get("/my-runs")
    async def my_runs(request: Request) -> Response:
        """The signed-in person's runs."""
        found = await person(request)
        return _sign_in_first("my-runs") if found is None else _go(_page(addresses.runs_of(found.name)))

    @router.get("/team-runs")
    async def team_runs(request: Request) -> Response:
        """The runs of the signed-in person's teams."""
        found = await person(request)
        return _sign_in_first("team-runs") if found is None else _go(_page(addresses.runs_of_teams(found)))

    return router


def _now(person: Person) -> SignedIn:
    return SignedIn(person.name, person, time.time())


def _cookie_of(state: str) -> str:
    """Each sign-in has its own cookie, so that two tabs do not end each other's."""
    return f"jinsu_sign_in_{state[:16]}"


def _page(path: str) -> str:
    return f"{get_cookie_path().removesuffix('/')}{path}"


def _sign_in_first(page: str) -> Response:
    return _go(f"{_PREFIX}/login?next={_PREFIX}/{page}")


def _go(address: str) -> RedirectResponse:
    """No cache keeps an answer that depends on who asks, and no later page learns the code from the address."""
    return RedirectResponse(address, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _refused(status: int, why: str) -> HTMLResponse:
    text = f"<p>Not signed in: {escape(why)}</p><p><a href='{_PREFIX}/login'>Sign in again</a></p>"
    page = f"<!doctype html><title>Not signed in</title><body style='font-family:sans-serif;margin:4em'>{text}</body>"
    return HTMLResponse(page, status, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
