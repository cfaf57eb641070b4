"""Counts the API's answers for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


@dataclass(frozen=True)
class Counting:
    """An ASGI application around another. counter: has the labels method and status."""

    inner: ASGIApp
    counter: Counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        # A client may call its method anything; each word would be another series.
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.counter.labels(method, str(message["status"])).inc()
            await send(message)

        await self.inner(scope, receive, counted)
