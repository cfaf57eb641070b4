"""The API over one installation: whatever the command line does, it does through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, generate_latest
from starlette.exceptions import HTTPException

from jinsu import __version__
from jinsu.api import models
from jinsu.api.authentication import Known, UnauthorizedError
from jinsu.api.comparing import Comparing
from jinsu.api.datasets import Datasets
from jinsu.api.people import People
from jinsu.api.problems import ProblemPages
from jinsu.api.reviewing import Reviewing
from jinsu.api.rollouts import RolloutPages
from jinsu.api.sampling import Sampling
from jinsu.api.submissions import Submissions
from jinsu.api.views import Views
from jinsu.codec import named_numbers
from jinsu.errors import BadInputError, ConflictError, ForbiddenError, JinsuError, NotFoundError, TransientError
from jinsu.installation import Installation
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


def create_app(installation: Installation) -> FastAPI:
    """The application; its description is at `/docs`."""
    app = FastAPI(title="Jinsu", version=__version__, docs_url="/docs", redoc_url=None, default_response_class=_Json)
    app.state.database = installation.database
    _errors(app)
    _metrics(app)
    views = installation.build(Views)
    for pages in (
        installation.build(Submissions, views=views),
        installation.build(Datasets, sampling=installation.build(Sampling)),
        installation.build(Reviewing, views=views, comparing=installation.build(Comparing)),
        installation.build(ProblemPages),
        installation.build(RolloutPages, views=views),
        installation.build(People),
    ):
        app.include_router(pages.router(), responses=_PROBLEMS)
    return app


class _Json(JSONResponse):
    """An answer in which names stand for NaN and the infinities, which JSON does not have."""

    def render(self, content: Any) -> bytes:
        return super().render(named_numbers(content))


_PROBLEMS: dict[int | str, dict[str, object]] = {
    status: {"model": models.Problem} for status in (401, *(status for _, status in _STATUS))
}


def _errors(app: FastAPI) -> None:
    @app.exception_handler(JinsuError)
    async def explain(_request: Request, problem: JinsuError) -> JSONResponse:
        status = next(code for kind, code in _STATUS if isinstance(problem, kind))
        headers = {"retry-after": str(int(problem.retry_after))} if isinstance(problem, TransientError) else None
        return _problem(str(problem), problem.exit_code, status, headers)

    @app.exception_handler(UnauthorizedError)
    async def unauthorized(_request: Request, _error: UnauthorizedError) -> JSONResponse:
        message = "no valid token; the command line reads $JINSU_TOKEN, or the file 'token' in $JINSU_HOME."
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


def _metrics(app: FastAPI) -> None:
    registry = CollectorRegistry()
    counter = Counter("jinsu_api_requests", "Requests by method and status", ["method", "status"], registry=registry)

    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        counter.labels(request.method, str(response.status_code)).inc()
        return response

    @app.get("/health")
    def health() -> models.Health:
        return models.Health(status="ok", version=__version__)

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics(_: Known) -> str:
        return generate_latest(registry).decode()
