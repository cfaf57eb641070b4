"""The ASGI application of a model server: it reads bodies within limits, asks the service, and sends replies."""

from __future__ import annotations

import asyncio

from jinsu.serving.asgi_types import Message, Receive, Scope, Send
from jinsu.serving.replies import Reply, refusal
from jinsu.serving.service import Service
from jinsu.serving.signature import Refused


class Application:
    """A service as an ASGI application."""

    def __init__(self, service: Service) -> None:
        self._service, self._limits = service, service.limits
        self._held = 0  # bytes of the bodies that are read or answered now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body = bytearray()
        try:
            if scope["method"] == "POST":
                await self._read(receive, body)
            reply = await self._service.respond(scope["method"], scope["path"], bytes(body))
            await _send(send, reply)
        except Refused as problem:  # the rest of the body may still be on its way
            await _send(send, refusal(problem.status, str(problem)), (b"connection", b"close"))
        except _ClientGone:
            return
        finally:
            self._held -= len(body)

    async def _read(self, receive: Receive, body: bytearray) -> None:
        """Reads the request's body into `body`. Raises Refused for one that is too long or too slow, and _ClientGone."""
        if not self._take(await receive(), body):
            return
        try:
            async with asyncio.timeout(self._limits.read):
                while self._take(await receive(), body):
                    pass
        except TimeoutError:
            raise Refused(408, f"the body did not arrive within {self._limits.read:g} s") from None

    def _take(self, message: Message, body: bytearray) -> bool:
        """Adds a part to the body; whether there are more."""
        if message["type"] == "http.disconnect":
            raise _ClientGone
        part = message.get("body", b"")
        body += part
        self._held += len(part)
        if len(body) > self._limits.body:
            raise Refused(413, f"the body is longer than {self._limits.body} bytes")
        if self._held > self._limits.bodies:
            raise Refused(503, "too many bytes of requests are waiting already; try again in a second")
        return bool(message.get("more_body", False))


class _ClientGone(Exception):
    """Nobody waits for the reply."""


async def _send(send: Send, reply: Reply, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", reply.content_type.encode()), (b"content-length", b"%d" % len(reply.body)), *more]
    if reply.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
