"""The API over one installation: whatever the command line does, it does through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, generate_latest

from jinsu import __version__
from jinsu.api import models
from jinsu.api.authentication import Known, UnauthorizedError
from jinsu.api.datasets import Datasets
from jinsu.api.people import People
from jinsu.api.reviewing import Reviewing
from jinsu.api.rollouts import RolloutPages
from jinsu.api.submissions import Submissions
from jinsu.api.views import Views
from jinsu.errors import BadInputError, ConflictError, ForbiddenError, JinsuError, NotFoundError, TransientError
from jinsu.installation import Installation

_STATUS: tuple[tuple[type[JinsuError], int], ...] = (
    (BadInputError, 422),
    (NotFoundError, 404),
    (ForbiddenError, 403),
    (ConflictError, 409),
    (TransientError, 503),
    (JinsuError, 400),
)


def create_app(installation: Installation) -> FastAPI:
    """The application; its description is at `/docs`."""
    app = FastAPI(title="Jinsu", version=__version__, docs_url="/docs", redoc_url=None)
    app.state.database = installation.database
    _errors(app)
    _metrics(app)
    views = installation.build(Views)
    for pages in (
        installation.build(Submissions, views=views),
        installation.build(Datasets),
        installation.build(Reviewing, views=views),
        installation.build(RolloutPages, views=views),
        installation.build(People),
    ):
        app.include_router(pages.router(), responses=_PROBLEMS)
    return app


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


def _problem(error: str, exit_code: int, status: int, headers: dict[str, str] | None) -> JSONResponse:
    return JSONResponse(models.Problem(error=error, exit_code=exit_code).model_dump(), status, headers)


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
