"""How the API refuses: every error is one sentence with a status and the exit code of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from jinsu.api import models
from jinsu.api.authentication import UnauthorizedError
from jinsu.api.refusal_page import refusal
from jinsu.api.statuses import STATUS, retry_after, status_of
from jinsu.errors import BadInputError, ForbiddenError, JinsuError, NotFoundError
from jinsu.runs.text import clean
from jinsu.web.bodies import RefusedBody

_FOR_BROWSERS = ("/login", "/logout")
"""Where people look at pages; everywhere else programs read JSON."""
_SHOWN = 5
_LONGEST = 4000
"""A sentence may quote what was sent; it is no way to have megabytes repeated."""
_NOBODY = (
    "no valid token: sign in with jinsu login. The command line reads $JINSU_TOKEN, the token that jinsu login "
    "keeps, or the file 'token' in $JINSU_HOME."
)
_BROKEN = "the API has an error of its own; its log says more. Try again, and show the log to whoever runs the platform."

DESCRIBED: dict[int | str, dict[str, object]] = {
    status: {"model": models.Problem} for status in (401, *(status for _, status in STATUS))
}
"""Every refusal that a route may answer with, as the API's description lists them."""


def install(app: FastAPI) -> None:
    """Has the application answer each error in this way."""

    @app.exception_handler(JinsuError)
    @app.exception_handler(UnauthorizedError)
    @app.exception_handler(RefusedBody)
    async def explain(request: Request, problem: Exception) -> Response:
        if isinstance(problem, JinsuError) and request.url.path.startswith(_FOR_BROWSERS):
            return refusal(problem)
        return answer(problem)

    @app.exception_handler(Exception)
    async def broken(_request: Request, _cause: Exception) -> JSONResponse:
        """The server's log has the traceback; the person who asked gets a sentence."""
        return _problem(_BROKEN, JinsuError.exit_code, 500)

    @app.exception_handler(RequestValidationError)
    async def misshapen(_request: Request, problem: RequestValidationError) -> JSONResponse:
        return _problem(_sentence(problem.errors()), BadInputError.exit_code, 422)

    @app.exception_handler(HTTPException)
    async def unreadable(_request: Request, problem: HTTPException) -> JSONResponse:
        kind = NotFoundError if problem.status_code == 404 else BadInputError
        status = 422 if problem.status_code == 400 else problem.status_code
        return _problem(f"the request cannot be answered: {problem.detail}.", kind.exit_code, status, problem.headers)


def answer(problem: Exception) -> JSONResponse:
    """The answer to an error of the platform's, to a request of nobody, and to a body that is refused."""
    if isinstance(problem, RefusedBody):
        refused = problem.refusal
        return _problem(refused.error, refused.exit_code, refused.status)
    if isinstance(problem, JinsuError):
        return _problem(str(problem), problem.exit_code, status_of(problem), retry_after(problem))
    return _problem(_NOBODY, ForbiddenError.exit_code, 401, {"www-authenticate": "Bearer"})


def _sentence(problems: Sequence[Mapping[str, Any]]) -> str:
    """Which fields of a request are wrong and why; never the values, which may hold anything. Pure."""
    fields = (".".join(map(str, problem["loc"][1:])) or "the request" for problem in problems[:_SHOWN])
    return "; ".join(f"{field[:60]}: {problem['msg']}" for field, problem in zip(fields, problems, strict=False))


def _problem(error: str, exit_code: int, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(models.Problem(error=_short(clean(error)), exit_code=exit_code).model_dump(), status, headers)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"
