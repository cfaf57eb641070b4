"""Signing in to MLflow's pages at Jinsu's API, and out again."""

from __future__ import annotations

import hmac
import html
import json
import secrets
from dataclasses import dataclass

from anyio import to_thread
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from jinsu.identity.tokens import LIFETIME
from jinsu.servers.mlflow_people import People, Recognition
from jinsu.servers.mlflow_requests import (
    CALLBACK,
    COOKIE,
    STATE_COOKIE,
    Request,
    asks_for_a_page,
    is_browser,
    local_path,
    login_address,
)
from jinsu.state.states import TokenUse

_STATE_SECONDS = 600


@dataclass(frozen=True)
class SignIn:
    """api, public: the addresses at which people find the API and MLflow."""

    people: People
    recognition: Recognition
    api: str
    public: str

    def ask(self, request: Request) -> Response:
        """Sends a browser to the API to sign in, and tells a script that it needs a token."""
        if not asks_for_a_page(request.method, request.headers):
            message = (
                "MLflow does not know you. A script sets MLFLOW_TRACKING_TOKEN to a token of yours (jinsu token); "
                f"a browser signs in at {self.public}"
            )
            headers = {"www-authenticate": "Bearer"}
            return JSONResponse({"error_code": "UNAUTHENTICATED", "message": message}, 401, headers)
        state = secrets.token_urlsafe(24)
        address = login_address(self.api, state, local_path(request.raw))
        answer = _leave(address) if is_browser(request.headers) else RedirectResponse(address, 303)
        answer.headers["cache-control"] = "no-store"
        self._set(answer, STATE_COOKIE, state, _STATE_SECONDS, CALLBACK)
        return answer

    async def complete(self, request: Request) -> Response:
        """Takes the code that the API gave to the browser, and gives the browser its session."""
        known, given = request.cookies.get(STATE_COOKIE, ""), request.query.get("state", "")
        if not known or not hmac.compare_digest(known.encode(), given.encode()):
            return _page(400, "This sign-in was begun in another browser, or too long ago.")
        code, former = request.query.get("code", ""), request.cookies.get(COOKIE)
        token = await to_thread.run_sync(self.people.sign_in, code, former)
        if token is None:
            return _page(400, "This sign-in has ended, or was used already.")
        answer = RedirectResponse(local_path(request.query.get("next", "")), 303)
        answer.headers.update({"cache-control": "no-store", "referrer-policy": "no-referrer"})
        answer.delete_cookie(STATE_COOKIE, CALLBACK)
        self._set(answer, COOKIE, token, int(LIFETIME[TokenUse.MLFLOW_SESSION]))
        return answer

    async def end(self, request: Request) -> Response:
        """Ends the browser's session, and leads it to the API to end the one there."""
        token = request.cookies.get(COOKIE)
        if token:
            await to_thread.run_sync(self.people.sign_out, token)
            self.recognition.forget(token, TokenUse.MLFLOW_SESSION)
        answer = RedirectResponse(f"{self.api}/logout", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def _set(self, answer: Response, name: str, value: str, seconds: int, path: str = "/") -> None:
        secure = self.public.startswith("https:")
        answer.set_cookie(name, value, seconds, path=path, secure=secure, httponly=True, samesite="lax")


def _page(status: int, text: str) -> Response:
    body = f'<!doctype html><title>MLflow</title><p>{html.escape(text)}</p><p><a href="/">Sign in</a></p>'
    return HTMLResponse(body, status, {"cache-control": "no-store"})


def _leave(address: str) -> Response:
    """A page that goes to an address at once, and takes along the part behind `#`, which no browser sends to a server.

    MLflow's pages are told apart by that part alone. address: ends with the path to open after the sign-in, encoded.
    """
    quoted = json.dumps(address).replace("<", "\\u003c")
    script = f"location.replace({quoted} + encodeURIComponent(location.hash))"
    link = html.escape(address, quote=True)
    body = f'<!doctype html><title>MLflow</title><script>{script}</script><p><a href="{link}">Sign in</a></p>'
    return HTMLResponse(body)
