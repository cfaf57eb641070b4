"""The one HTTP door: what the command line does, it does through here."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from jinsu import __version__
from jinsu.api import views
from jinsu.errors import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    JinsuError,
    NotFoundError,
    TransientError,
)
from jinsu.identity.people import Person, Role, create_user, recognise
from jinsu.installation import Platform
from jinsu.lifecycle import promote, review, train
from jinsu.runs.admission import Request as Admission
from jinsu.runs.admission import admit
from jinsu.runs.links import signature
from jinsu.spec.model import NAME
from jinsu.state.tables import Rollout

_STATUS: tuple[tuple[type[JinsuError], int], ...] = (
    (BadInputError, 422),
    (NotFoundError, 404),
    (ForbiddenError, 403),
    (ConflictError, 409),
    (TransientError, 503),
    (JinsuError, 400),
)
MAX_DATASET_BYTES = 8 * 2**30


class SubmissionBody(BaseModel):
    """What `jinsu submit` sends after the code."""

    model_config = ConfigDict(extra="forbid")
    code_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    idempotency_key: str = Field(min_length=1, max_length=128)
    overrides: dict[str, Any] = Field(default_factory=dict)


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    approve: bool
    reason: str = Field("", max_length=2000)


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field("", max_length=2000)


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    role: Role


class _Unauthorized(Exception):
    pass


def person(request: Request) -> Person:
    """Whoever the request's token belongs to."""
    found = recognise(request.app.state.platform.database, request.headers.get("authorization"))
    if found is None:
        raise _Unauthorized
    return found


Known = Annotated[Person, Depends(person)]


def create_app(platform: Platform) -> FastAPI:
    """The application over one installation."""
    app = FastAPI(title="Jinsu", version=__version__, docs_url="/docs", redoc_url=None)
    registry = CollectorRegistry()
    counted = Counter("jinsu_api_requests", "Requests by method and status", ["method", "status"], registry=registry)

    app.state.platform = platform

    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Any]) -> Any:
        response = await call_next(request)
        counted.labels(request.method, str(response.status_code)).inc()
        return response

    @app.exception_handler(JinsuError)
    async def explain(_request: Request, problem: JinsuError) -> JSONResponse:
        status = next(code for kind, code in _STATUS if isinstance(problem, kind))
        headers = {"retry-after": str(int(problem.retry_after))} if isinstance(problem, TransientError) else None
        return JSONResponse({"error": str(problem), "exit_code": problem.exit_code}, status, headers)

    @app.exception_handler(_Unauthorized)
    async def unauthorized(_request: Request, _problem: _Unauthorized) -> JSONResponse:
        message = "no valid token; the command line reads $JINSU_TOKEN, or the file 'token' in $JINSU_HOME."
        return JSONResponse({"error": message, "exit_code": 4}, 401, {"www-authenticate": "Bearer"})

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics(_: Known) -> str:
        return generate_latest(registry).decode()

    _submissions(app, platform)
    _data(app, platform)
    _reviews(app, platform)
    _rollouts(app, platform)
    return app


def _submissions(app: FastAPI, platform: Platform) -> None:
    @app.post("/v1/code")
    async def put_code(request: Request, who: Known) -> dict[str, str]:
        limit = platform.settings.max_code_bytes
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise BadInputError(f"code snapshot: larger than {limit} bytes packed; put data into a dataset.")
        return {"digest": await anyio.to_thread.run_sync(platform.snapshots.put, bytes(body), limit)}

    @app.post("/v1/submissions")
    def submit(body: SubmissionBody, who: Known) -> dict[str, Any]:
        row, new = admit(platform, Admission(who.name, body.code_digest, body.idempotency_key, body.overrides))
        platform.catalog.remember_model(row.model, row.code_digest)
        return {"id": row.id, "new": new, "dataset": row.dataset, "model": row.model}

    @app.get("/v1/runs")
    def runs(who: Known, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> list[dict[str, Any]]:
        return views.runs(platform, limit)

    @app.get("/v1/runs/{run}")
    def run(run: str, who: Known) -> dict[str, Any]:
        return views.run(platform, run)

    @app.get("/v1/runs/{run}/logs")
    def logs(run: str, who: Known, trial: int = 0, offset: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        return views.logs(platform, run, trial, offset)

    @app.post("/v1/runs/{run}/cancel")
    def cancel(run: str, body: Reason, who: Known) -> dict[str, Any]:
        row, _ = platform.submission(run)
        who.require_owner(row.submitter)
        if row.ended is not None:
            raise ConflictError(f"run {run} has {row.state} already.")
        reason = body.reason or f"cancelled by {who.name}"
        train.cancel(platform, run, reason)
        review.close(platform, run, reason)
        views.abort_rollout(platform, run, reason)
        return views.run(platform, run)


def _data(app: FastAPI, platform: Platform) -> None:
    @app.get("/v1/datasets")
    def datasets(who: Known) -> list[dict[str, Any]]:
        return [asdict(version) for version in platform.datasets.all()]

    @app.post("/v1/datasets/{name}")
    async def put(name: str, suffix: str, request: Request, who: Known) -> dict[str, Any]:
        import re

        if not re.fullmatch(NAME, name):
            raise BadInputError(f"dataset {name!r}: use 1 to 40 lower-case letters, digits, '-' and '_'.")
        if suffix not in (".parquet", ".csv", ".jsonl", ".tar.gz"):
            raise BadInputError(f"dataset {name}: {suffix!r} is not .parquet, .csv, .jsonl or .tar.gz.")
        # Beside the datasets: on their disk, and under no system's small /tmp.
        platform.settings.objects.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=platform.settings.objects, prefix=".upload-") as folder:
            path = Path(folder) / f"upload{suffix}"
            await _receive(request.stream(), path)
            made = await anyio.run_process(
                [sys.executable, "-m", "jinsu.api.ingest", name, str(path), who.name], check=False
            )
        if made.returncode != 0:
            said = made.stderr.decode(errors="replace").strip()
            raise BadInputError(
                said.replace(str(path), f"upload{suffix}")
                if made.returncode == 2
                else f"dataset {name}: the file could not be read."
            )
        version: dict[str, Any] = json.loads(made.stdout.decode().splitlines()[-1])
        platform.catalog.remember_dataset(name)
        return version

    @app.get("/v1/docs/{key}/{sign}/{path:path}")
    def docs(key: str, sign: str, path: str) -> FileResponse:
        """Data Docs pages. The address is its own permission: nobody can guess it."""
        import hmac

        root = platform.step(key) / "out" / "data_docs"
        target = (root / path).resolve()
        known = hmac.compare_digest(sign, signature(platform.settings.airflow_secret, key))
        if not known or not target.is_relative_to(root.resolve()) or not target.is_file():
            raise NotFoundError("there is no such page.")
        return FileResponse(target)


async def _receive(stream: AsyncIterator[bytes], path: Path) -> None:
    size = 0
    try:
        async with await anyio.open_file(path, "wb") as file:
            async for chunk in stream:
                size += len(chunk)
                if size > MAX_DATASET_BYTES:
                    raise BadInputError("dataset: larger than 8 GiB; split it.")
                await file.write(chunk)
    except OSError as problem:
        raise TransientError(
            f"dataset: cannot be stored: {problem.strerror}; free disk space and try again.", 30
        ) from problem


def _reviews(app: FastAPI, platform: Platform) -> None:
    @app.get("/v1/reviews")
    def reviews(who: Known) -> list[dict[str, Any]]:
        return views.reviews(platform)

    @app.post("/v1/reviews/{run}")
    def answer(run: str, body: Answer, who: Known) -> dict[str, Any]:
        who.require(Role.REVIEWER)
        given = review.answer(platform, run, approved=body.approve, reviewer=who.name, via="cli", reason=body.reason)
        return {"run": run, "state": given.state, "version": given.version, "model": given.model}

    @app.post("/v1/users")
    def users(body: NewUser, who: Known) -> dict[str, str]:
        who.require(Role.ADMIN)
        return {
            "name": body.name,
            "role": body.role,
            "token": create_user(platform.database, body.name, body.role),
        }


def _rollouts(app: FastAPI, platform: Platform) -> None:
    @app.get("/v1/rollouts")
    def rollouts(who: Known) -> list[dict[str, Any]]:
        return views.rollouts(platform)

    @app.post("/v1/rollouts/{model}/{verb}")
    def command(model: str, verb: str, body: Reason, who: Known) -> dict[str, Any]:
        who.require(Role.REVIEWER)
        if verb not in ("abort", "resume"):
            raise BadInputError(f"{verb!r}: a rollout can be told to abort or resume.")
        with platform.database.begin() as session:
            row = session.scalar(
                select(Rollout)
                .where(
                    Rollout.model == model,
                    Rollout.phase.in_(("deploying", "stepping", "promoting", "halted")),
                )
                .order_by(Rollout.created.desc())
                .limit(1)
            )
            if row is None:
                raise NotFoundError(f"model {model!r} has no rollout now; see: jinsu rollout list")
            row.command, row.updated = f"{verb}:{body.reason or f'by {who.name}'}", time.time()
            return {"model": model, "run": row.submission, "command": row.command}

    @app.post("/v1/models/{model}/champion/{version}")
    def roll_back(model: str, version: str, who: Known) -> dict[str, Any]:
        who.require(Role.REVIEWER)
        return {
            "model": model,
            "version": version,
            "previous": promote.roll_back(platform, model, version, who.name),
        }

    @app.get("/v1/models")
    def models(who: Known) -> list[dict[str, Any]]:
        return views.models(platform)

    @app.get("/v1/ledger/{model}")
    def ledger(model: str, who: Known) -> list[dict[str, Any]]:
        return views.ledger(platform, model)
