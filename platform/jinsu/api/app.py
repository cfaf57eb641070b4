"""The API over one installation: whatever the command line does, it does through here."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, generate_latest

from jinsu import __version__
from jinsu.api import models, people_pages, refusals
from jinsu.api.authentication import Known
from jinsu.api.comparing import Comparing
from jinsu.api.counting import Counting
from jinsu.api.dataset_pages import DatasetPages
from jinsu.api.datasets import MAX_BYTES, Datasets
from jinsu.api.description import Description
from jinsu.api.file_sets import FileSets
from jinsu.api.front import MOST, Front, Uploads
from jinsu.api.problems import ProblemPages
from jinsu.api.reviewing import Reviewing
from jinsu.api.rollouts import RolloutPages
from jinsu.api.sampling import Sampling
from jinsu.api.steps import RequestSteps
from jinsu.api.submissions import Submissions
from jinsu.api.views import Views
from jinsu.codec import named_numbers
from jinsu.data.packs import Packs
from jinsu.installation import Installation
from jinsu.retention.deletion import DatasetDeletion
from jinsu.settings import Settings
from jinsu.web.bodies import Patience
from jinsu.web.slots import Slots


def create_app(installation: Installation, patience: Patience | None = None, most: int = MOST) -> FastAPI:
    """The application; its description is at `/docs`. patience: how long it waits for bodies. most: requests at a time."""
    patience = patience or Patience()
    app = FastAPI(title="Jinsu", version=__version__, docs_url=None, redoc_url=None, default_response_class=_Json)
    app.state.database = installation.database
    refusals.install(app)
    uploads = _uploads(installation.settings, patience)
    app.add_middleware(Front, refuse=refusals.answer, uploads=uploads, patience=patience, most=most)
    _metrics(app)
    views = installation.build(Views)
    groups: tuple[people_pages.Pages, ...] = (
        installation.build(Submissions, views=views),
        installation.build(
            Datasets, sampling=installation.build(Sampling), request_steps=installation.build(RequestSteps)
        ),
        installation.build(
            FileSets, packs=Packs(installation.objects), request_steps=installation.build(RequestSteps)
        ),
        installation.build(
            DatasetPages,
            deletion=installation.build(DatasetDeletion, packs=Packs(installation.objects)),
            request_steps=installation.build(RequestSteps),
        ),
        installation.build(Reviewing, views=views, comparing=installation.build(Comparing)),
        installation.build(ProblemPages),
        installation.build(RolloutPages, views=views),
        *(installation.build(kind) for kind in people_pages.PAGES),
    )
    for pages in groups:
        app.include_router(pages.router(), responses=refusals.DESCRIBED)
    app.include_router(Description(app.openapi).router(), include_in_schema=False)
    for browser_pages in people_pages.BROWSER_PAGES:
        app.include_router(installation.build(browser_pages).router(), include_in_schema=False)
    return app


def _uploads(settings: Settings, patience: Patience) -> tuple[tuple[str, Uploads], ...]:
    """Code is held in memory while it is checked, a dataset's file on disk: few of them at a time."""
    code = f"code snapshot: larger than {settings.max_code_bytes} bytes packed; put data into a dataset."
    table = f"dataset: larger than {MAX_BYTES // 2**30} GiB; split it."
    return (
        ("POST /v1/code", Uploads(settings.max_code_bytes, code, Slots(places=4, each=2, patience=patience.place))),
        ("POST /v1/datasets/", Uploads(MAX_BYTES, table, Slots(places=8, each=2, patience=patience.place))),
    )


class _Json(JSONResponse):
    """An answer in which names stand for NaN and the infinities, which JSON does not have."""

    def render(self, content: Any) -> bytes:
        return super().render(named_numbers(content))


def _metrics(app: FastAPI) -> None:
    registry = CollectorRegistry()
    counter = Counter("jinsu_api_requests", "Requests by method and status", ["method", "status"], registry=registry)

    app.add_middleware(Counting, counter=counter)

    @app.get("/health")
    def health() -> models.Health:
        return models.Health(status="ok", version=__version__)

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics(_: Known) -> str:
        return generate_latest(registry).decode()
