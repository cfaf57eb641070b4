"""An answer for requests that fail because another part of the platform is away."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jinsu.errors import TransientError


@dataclass(frozen=True)
class Unavailable:
    """An ASGI application around another: a TransientError that leaves the inner one is an answer 503.

    The sentence stands under `detail`, where Airflow's pages and clients look for one.
    """

    inner: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.inner(scope, receive, watched)
        except TransientError as problem:
            if begun:
                raise
            headers = {"retry-after": str(int(problem.retry_after))}
            await JSONResponse({"detail": str(problem)}, 503, headers)(scope, receive, send)
