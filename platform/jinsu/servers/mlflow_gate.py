"""The door to MLflow: it asks who somebody is, lets people read, and hands a reviewer's words to the platform.

MLflow behind the gate sees a person as a user who may read the models of the person's teams. Only the platform's own
account reaches MLflow with the right to change something.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Protocol

from anyio import CapacityLimiter, to_thread
from starlette.responses import JSONResponse, Response

from jinsu.errors import BadInputError, ConflictError, ForbiddenError, JinsuError, NotFoundError, TransientError
from jinsu.identity.people import Person
from jinsu.servers.mlflow_app import Permissions, acting_as, create_mlflow
from jinsu.servers.mlflow_doors import Act, Passage, act, check_query, passage, read_object, refusal
from jinsu.servers.mlflow_people import People, Recognition, Visitor
from jinsu.servers.mlflow_requests import (
    CALLBACK,
    LOGOUT,
    Request,
    Shown,
    comes_from_elsewhere,
    is_account,
    request_of,
)
from jinsu.servers.mlflow_sign_in import SignIn
from jinsu.settings import Account, Settings
from jinsu.state.database import Database
from jinsu.state.states import TokenUse
from jinsu.web.asgi_types import App, Receive, Scope, Send
from jinsu.web.bodies import Gone, RefusedBody, again, whole

_log = logging.getLogger(__name__)
_LONGEST_BODY = 1_000_000
_BODY_SECONDS = 30.0
_KEPT_BACK = (b"authorization", b"cookie")
_NOBODY = ""
_CODES: tuple[tuple[type[JinsuError], int, str], ...] = (
    (BadInputError, 400, "INVALID_PARAMETER_VALUE"),
    (NotFoundError, 404, "RESOURCE_DOES_NOT_EXIST"),
    (ForbiddenError, 403, "PERMISSION_DENIED"),
    (ConflictError, 409, "RESOURCE_CONFLICT"),
    (TransientError, 503, "TEMPORARILY_UNAVAILABLE"),
    (JinsuError, 400, "BAD_REQUEST"),
)


class Deeds(Protocol):
    """Does what a change in MLflow stands for."""

    def do(self, act: Act, person: Person) -> None: ...


@dataclass(frozen=True)
class Gate:
    """The application that stands before MLflow's. platform: the platform's own account."""

    inner: App
    people: People
    recognition: Recognition
    sign_in: SignIn
    deeds: Deeds
    platform: Account
    # A deed asks this same server: deeds must not use up the threads in which it answers.
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(4))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            answer = await self._http(request_of(scope), scope, receive, send)
            if answer is not None:
                await answer(scope, receive, send)

    async def _http(self, request: Request, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """The gate's own answer; None when MLflow has answered."""
        way = passage(request.method, request.path)
        if is_account(request.shown, self.platform):
            await self._forward(self.platform.name, scope, receive, send)
            return None
        if way is Passage.OPEN:
            await self._forward(_NOBODY, _without_secrets(scope), again(b"", receive), send)
            return None
        try:
            if request.path == CALLBACK:
                return await self.sign_in.complete(request)
            if request.path == LOGOUT:
                return await self.sign_in.end(request)
            visitor = await self._visitor(request.shown)
            if visitor is None:
                return self.sign_in.ask(request)
            checked = await self._check(request, way, visitor.person, receive)
        except JinsuError as problem:
            return _error(problem)
        if isinstance(checked, Response):
            return checked
        await self._forward(visitor.user, _without_secrets(scope), checked, send)
        return None

    async def _visitor(self, request: Shown) -> Visitor | None:
        if request.token is None:
            return None
        use = TokenUse.MLFLOW_SESSION if request.cookie else TokenUse.API
        visitor = await self.recognition.find(request.token, use)
        known = visitor is not None and request.name in (None, visitor.person.name)
        return visitor if known else None

    async def _check(self, request: Request, way: Passage, person: Person, receive: Receive) -> Response | Receive:
        """The answer to an act, or the body for MLflow to read. Raises ForbiddenError for what a person may not."""
        try:
            if request.shown.cookie and comes_from_elsewhere(request.method, request.headers):
                raise ForbiddenError("this request came from a page that is not MLflow's; open MLflow's own page.")
            if way is Passage.CLOSED:
                raise ForbiddenError(refusal(request.method, request.path))
            if way is Passage.ACT:
                wanted = act(request.method, request.path, read_object(await _body(receive)))
                await to_thread.run_sync(self._do, wanted, person, limiter=self._threads)
                return JSONResponse({})
        except ForbiddenError as problem:
            if request.method not in ("GET", "HEAD", "OPTIONS"):
                await self._note(person, request, problem)
            raise
        body = await _body(receive)
        if way is Passage.QUERY:
            check_query(body)
        return again(body, receive)

    def _do(self, wanted: Act, person: Person) -> None:
        self.people.require_seen(person, wanted.model)
        self.deeds.do(wanted, person)

    async def _note(self, person: Person, request: Request, problem: ForbiddenError) -> None:
        what = f"mlflow: {request.method} {request.path}"
        try:
            await to_thread.run_sync(self.people.note_refusal, person, what, str(problem), limiter=self._threads)
        except Exception:  # the refusal stands, whether or not it could be written down
            _log.exception("a refusal could not be recorded")

    async def _forward(self, user: str, scope: Scope, receive: Receive, send: Send) -> None:
        with acting_as(user):
            await self.inner(scope, receive, send)


def _without_secrets(scope: Scope) -> Scope:
    """The request without what its sender showed to the gate."""
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in _KEPT_BACK]
    return {**scope, "headers": kept}


async def _body(receive: Receive) -> bytes:
    """The whole body. Raises BadInputError for a long one, TransientError for one that does not come."""
    try:
        return await whole(receive, _LONGEST_BODY, _BODY_SECONDS)
    except Gone:
        raise TransientError("the request ended before its body had come.") from None
    except RefusedBody as refused:
        kind = BadInputError if refused.refusal.status == 413 else TransientError
        raise kind(refused.refusal.error) from None


def _error(problem: JinsuError) -> Response:
    """An error as MLflow's clients and pages show it."""
    status, code = next((status, code) for kind, status, code in _CODES if isinstance(problem, kind))
    headers = {"retry-after": str(int(problem.retry_after))} if isinstance(problem, TransientError) else None
    return JSONResponse({"error_code": code, "message": str(problem)}, status, headers)


def create_app() -> App:
    """The application that uvicorn serves."""
    from jinsu import settings as configuration
    from jinsu.installation import Installation
    from jinsu.servers.mlflow_deeds import Deeds as PlatformDeeds

    settings = configuration.load()
    return gate(settings, Installation(settings).build(PlatformDeeds))


def gate(settings: Settings, deeds: Deeds) -> Gate:
    """The gate before MLflow, which reads its own configuration from the environment of this process."""
    inner, permissions = create_mlflow(), Permissions()
    permissions.take_all(settings.mlflow_reviewer.name)  # version 0.1 let every reviewer use this account
    people = People(Database(settings.database_url), permissions, settings.mlflow.name)
    recognition = Recognition(people.find)
    sign_in = SignIn(people, recognition, settings.address("api"), settings.address("mlflow"))
    return Gate(inner, people, recognition, sign_in, deeds, settings.mlflow)
