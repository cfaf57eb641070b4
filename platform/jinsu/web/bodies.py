"""Bodies of requests, received within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Message, Receive

from jinsu.web.refusal import Refusal, too_large, too_slow


@dataclass(frozen=True)
class Pace:
    """How fast a body has to come: `least` bytes, or its end, in every `seconds`."""

    seconds: float = 30.0
    least: int = 64 * 1024


@dataclass(frozen=True)
class Patience:
    """How long a server waits for bodies. small: seconds for the whole of a small one. place: seconds until a file's turn."""

    small: float = 30.0
    place: float = 30.0
    pace: Pace = field(default_factory=Pace)


class RefusedBody(Exception):
    """The body is too large or comes too slowly."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


class Gone(Exception):
    """The client has left before the end of the body."""


async def whole(receive: Receive, limit: int, seconds: float) -> bytes:
    """A small body, all of it. Raises RefusedBody for one over `limit` bytes or later than `seconds`, and Gone."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limit:
                    raise RefusedBody(too_large(limit))
    except TimeoutError:
        raise RefusedBody(too_slow(seconds)) from None
    return bytes(body)


def again(body: bytes, receive: Receive) -> Receive:
    """A channel that gives a body that was read already, and then what comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def channel() -> Message:
        return first.pop() if first else await receive()

    return channel


def paced(receive: Receive, limit: int, over_it: Refusal, pace: Pace, clock: Callable[[], float]) -> Receive:
    """A channel for a large body.

    It raises RefusedBody with `over_it` for a body over `limit` bytes, and with an answer of its own for one that comes too
    slowly.
    """
    size, come, deadline, over = 0, 0, clock() + pace.seconds, False

    async def channel() -> Message:
        nonlocal size, come, deadline, over
        if over:
            return await receive()
        try:
            async with asyncio.timeout(max(0.0, deadline - clock())):
                message = await receive()
        except TimeoutError:
            raise RefusedBody(too_slow(pace.seconds)) from None
        length = len(message.get("body", b""))
        size, come, over = size + length, come + length, not message.get("more_body", False)
        if size > limit:
            raise RefusedBody(over_it)
        if come >= pace.least:
            come, deadline = 0, clock() + pace.seconds
        return message

    return channel
