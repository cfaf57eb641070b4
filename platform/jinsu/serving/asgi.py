"""The ASGI application of a model server: it reads bodies up to a limit, asks the service, and sends replies."""

from __future__ import annotations

from dataclasses import dataclass

from jinsu.serving.asgi_types import Receive, Scope, Send
from jinsu.serving.replies import refusal
from jinsu.serving.service import Service


@dataclass(frozen=True)
class Application:
    """A service as an ASGI application."""

    service: Service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        longest = self.service.limits.body
        body = await _read(scope, receive, longest)
        if body is None:
            reply = refusal(413, f"the body is longer than {longest} bytes")
        else:
            reply = await self.service.respond(scope["method"], scope["path"], body)
        headers = [(b"content-type", reply.content_type.encode()), (b"content-length", b"%d" % len(reply.body))]
        if reply.status in (429, 503):
            headers.append((b"retry-after", b"1"))
        if body is None:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


async def _read(scope: Scope, receive: Receive, longest: int) -> bytes | None:
    """The whole body, or None when it has more than `longest` bytes."""
    body, more = b"", scope["method"] == "POST"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > longest:
            return None
    return body


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
