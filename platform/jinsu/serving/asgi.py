"""The ASGI application of a model server: it reads bodies within limits, asks the service, and sends replies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from jinsu.serving.asgi_types import Message, Receive, Scope, Send
from jinsu.serving.departures import ClientGone, Departures
from jinsu.serving.open_inference import JSON_BYTES_HEADER
from jinsu.serving.replies import Reply, refusal
from jinsu.serving.service import Service
from jinsu.serving.signature import Refused

Beside = Callable[[], AbstractAsyncContextManager[None]]
_JSON_BYTES_HEADER = JSON_BYTES_HEADER.encode()


class Application:
    """A service as an ASGI application."""

    def __init__(self, service: Service, beside: Beside | None = None) -> None:
        """beside: what runs from the start of the server to its end."""
        self._service, self._limits = service, service.limits
        self._beside = beside or contextlib.nullcontext
        self._held = 0  # bytes of the bodies that are read or answered now
        self._departures = Departures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        held = _Held()
        try:
            body = await self._body(receive, held) if scope["method"] == "POST" else b""
            json_bytes = _json_bytes(scope)
            with self._departures.watched(receive):
                reply = await self._service.respond(scope["method"], scope["path"], body, json_bytes)
            await _send(send, reply)
        except Refused as problem:  # the rest of the body may still be on its way
            await _send(send, refusal(problem.status, str(problem)), (b"connection", b"close"))
        except ClientGone:
            return
        finally:
            self._held -= held.bytes

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._beside():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except (OSError, RuntimeError) as problem:
            await send({"type": "lifespan.startup.failed", "message": str(problem)})
            return
        await send({"type": "lifespan.shutdown.complete"})

    async def _body(self, receive: Receive, held: _Held) -> bytes:
        """The request's body. Raises Refused for one that is too long or too slow, and ClientGone."""
        message = await receive()
        part = self._part(message, held)
        if not message.get("more_body", False):
            return part
        body = bytearray(part)
        try:
            async with asyncio.timeout(self._limits.read):
                while message.get("more_body", False):
                    message = await receive()
                    body += self._part(message, held)
        except TimeoutError:
            raise Refused(408, f"the body did not arrive within {self._limits.read:g} s") from None
        return bytes(body)

    def _part(self, message: Message, held: _Held) -> bytes:
        """The part of a body in a message, once it is counted."""
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        held.bytes += len(part)
        self._held += len(part)
        if held.bytes > self._limits.body:
            raise Refused(413, f"the body is longer than {self._limits.body} bytes")
        if self._held > self._limits.bodies:
            raise Refused(503, "too many bytes of requests are waiting already; try again in a second")
        return part


@dataclass(slots=True)
class _Held:
    """Bytes of one request's body that were received so far."""

    bytes: int = 0


def _json_bytes(scope: Scope) -> int | None:
    """How many bytes of JSON the body begins with, when its rest is binary tensors. Raises Refused(400)."""
    value: bytes | None = next((value for name, value in scope["headers"] if name == _JSON_BYTES_HEADER), None)
    if value is None:
        return None
    if not value.isdigit() or len(value) > 10:
        raise Refused(400, f"{JSON_BYTES_HEADER}: not a number of bytes")
    return int(value)


async def _send(send: Send, reply: Reply, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", reply.content_type.encode()), (b"content-length", b"%d" % len(reply.body)), *more]
    if reply.json_bytes is not None:
        headers.append((_JSON_BYTES_HEADER, b"%d" % reply.json_bytes))
    if reply.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
