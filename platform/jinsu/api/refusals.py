"""How the API refuses: every error is one sentence with a status and the exit code of the command line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from jinsu.api import models
from jinsu.api.authentication import UnauthorizedError
from jinsu.errors import BadInputError, ConflictError, ForbiddenError, JinsuError, NotFoundError, TransientError
from jinsu.runs.text import clean

_STATUS: tuple[tuple[type[JinsuError], int], ...] = (
    (BadInputError, 422),
    (NotFoundError, 404),
    (ForbiddenError, 403),
    (ConflictError, 409),
    (TransientError, 503),
    (JinsuError, 400),
)
_SHOWN = 5

DESCRIBED: dict[int | str, dict[str, object]] = {
    status: {"model": models.Problem} for status in (401, *(status for _, status in _STATUS))
}
"""Every refusal that a route may answer with, as the API's description lists them."""


def status_of(problem: JinsuError) -> int:
    """The HTTP status of an error. Pure."""
    return next(code for kind, code in _STATUS if isinstance(problem, kind))


def retry_after(problem: JinsuError) -> dict[str, str]:
    """The header that says when a retry can help; nothing for an error that lasts. Pure."""
    return {"retry-after": str(int(problem.retry_after))} if isinstance(problem, TransientError) else {}


def install(app: FastAPI) -> None:
    """Has the application answer each error in this way."""

    @app.exception_handler(JinsuError)
    async def explain(_request: Request, problem: JinsuError) -> JSONResponse:
        return _problem(str(problem), problem.exit_code, status_of(problem), retry_after(problem))

    @app.exception_handler(UnauthorizedError)
    async def unauthorized(_request: Request, _error: UnauthorizedError) -> JSONResponse:
        message = (
            "no valid token: sign in with jinsu login. The command line reads $JINSU_TOKEN, the token that jinsu login "
            "keeps, or the file 'token' in $JINSU_HOME."
        )
        return _problem(message, ForbiddenError.exit_code, 401, {"www-authenticate": "Bearer"})

    @app.exception_handler(RequestValidationError)
    async def misshapen(_request: Request, problem: RequestValidationError) -> JSONResponse:
        return _problem(_sentence(problem.errors()), BadInputError.exit_code, 422)

    @app.exception_handler(HTTPException)
    async def unreadable(_request: Request, problem: HTTPException) -> JSONResponse:
        kind = NotFoundError if problem.status_code == 404 else BadInputError
        status = 422 if problem.status_code == 400 else problem.status_code
        return _problem(f"the request cannot be answered: {problem.detail}.", kind.exit_code, status, problem.headers)

    @app.middleware("http")
    async def refuse_nul(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """No name holds a NUL, and neither a database nor the arguments of a process take one."""
        if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
            return _problem("the address holds a NUL character.", BadInputError.exit_code, 422)
        return await call_next(request)


def _sentence(problems: Sequence[Mapping[str, Any]]) -> str:
    """Which fields of a request are wrong and why; never the values, which may hold anything. Pure."""
    fields = (".".join(map(str, problem["loc"][1:])) or "the request" for problem in problems[:_SHOWN])
    return "; ".join(f"{field[:60]}: {problem['msg']}" for field, problem in zip(fields, problems, strict=False))


def _problem(error: str, exit_code: int, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(models.Problem(error=clean(error), exit_code=exit_code).model_dump(), status, headers)
