"""What stands before the API's application: it knows who asks, and how much may come, before a byte of a body is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jinsu.api.authentication import KNOWN_PERSON, UnauthorizedError, person
from jinsu.errors import BadInputError, JinsuError
from jinsu.identity.people import Person
from jinsu.web.bodies import Gone, Patience, RefusedBody, again, paced, whole
from jinsu.web.refusal import announced, busy, closing, has_body, too_large
from jinsu.web.slots import NoPlace, Slots

SMALL_BODY = 2**20
"""The most bytes of a body that is JSON or a form."""
MOST = 256
"""Requests that are answered at a time, unless the application is built for another number."""
_OPEN = ("/v1/login", "/v1/docs")
"""Under /v1, what is answered without a token: ways in, and pages whose address is signed."""
_QUIET = "/health"
"""Answered however busy the API is: whoever watches it must not take it for dead."""

Refuse = Callable[[Exception], Response]
"""The application's own answer to an error."""


@dataclass(frozen=True)
class Uploads:
    """Bodies that are files. limit: bytes of one. too_large: what is said of more. slots: how many come at a time."""

    limit: int
    too_large: str
    slots: Slots


@dataclass(frozen=True)
class Front:
    """An ASGI application around the API's.

    uploads: by method and beginning of the path. most: requests that are answered at a time.
    """

    inner: ASGIApp
    refuse: Refuse
    uploads: tuple[tuple[str, Uploads], ...]
    patience: Patience = field(default_factory=Patience)
    most: int = MOST
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(16))
    _open: list[int] = field(default_factory=lambda: [0])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] == _QUIET and scope["method"] in ("GET", "HEAD"):
            await self.inner(scope, receive, send)
        elif "\0" in scope["path"] or b"%00" in scope["query_string"]:
            # No name holds a NUL, and neither a database nor the arguments of a process take one.
            await self._answer(BadInputError("the address holds a NUL character."), scope, receive, send)
        elif self._open[0] >= self.most:
            await busy("the API is answering as many requests as it can; try again.", 2)(scope, receive, send)
        else:
            self._open[0] += 1
            try:
                await self._let_in(scope, receive, send)
            finally:
                self._open[0] -= 1

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises nothing: each refusal is an answer."""
        who: Person | None = None
        if _needs_a_person(scope["path"]):
            try:
                who = await to_thread.run_sync(person, Request(scope), limiter=self._threads)
            except (JinsuError, UnauthorizedError) as problem:
                await self._answer(problem, scope, receive, send)
                return
            scope[KNOWN_PERSON] = who
        if not has_body(scope):
            await self.inner(scope, receive, send)
            return
        upload = self._upload(scope)
        limit, sentence = (SMALL_BODY, "") if upload is None else (upload.limit, upload.too_large)
        if announced(scope) > limit:
            await too_large(limit, sentence)(scope, receive, send)
        elif upload is None or who is None:
            await self._small(scope, receive, send)
        else:
            await self._file(upload, who, scope, receive, send)

    async def _small(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await whole(receive, SMALL_BODY, self.patience.small)
        except RefusedBody as refused:
            await refused.refusal(scope, receive, send)
        except Gone:
            return
        else:
            await self.inner(scope, again(body, receive), send)

    async def _file(self, upload: Uploads, who: Person, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with upload.slots.of(who.name):
                answering = _Answering(send)
                over_it = too_large(upload.limit, upload.too_large)
                come = paced(receive, upload.limit, over_it, self.patience.pace, time.monotonic)
                await self.inner(scope, answering.received(come), answering)
        except NoPlace:
            await busy("other files are being received; try again.", 10)(scope, receive, send)

    def _upload(self, scope: Scope) -> Uploads | None:
        asked = f"{scope['method']} {scope['path']}"
        return next((upload for beginning, upload in self.uploads if asked.startswith(beginning)), None)

    async def _answer(self, problem: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers before the body has come; the connection ends with the answer, since the body is never read."""
        response = self.refuse(problem)
        await response(scope, receive, partial(_closed, send) if has_body(scope) else send)


async def _closed(send: Send, message: Message) -> None:
    await send(closing(message) if message["type"] == "http.response.start" else message)


@dataclass
class _Answering:
    """The channel of an answer, which ends the connection when the answer begins before all of the body has come."""

    send: Send
    complete: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = message if self.complete else closing(message)
        await self.send(message)

    def received(self, receive: Receive) -> Receive:
        async def channel() -> Message:
            message = await receive()
            self.complete = self.complete or not message.get("more_body", False)
            return message

        return channel


def _needs_a_person(path: str) -> bool:
    """Whether nobody is answered at this address without a token or a session. Pure."""
    if path == "/metrics":
        return True
    return path.startswith("/v1/") and not any(path == way or path.startswith(f"{way}/") for way in _OPEN)
