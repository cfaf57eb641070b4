"""The answer of a server to a request that no application sees: one sentence as JSON, as the API's own refusals are."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope, Send

from jinsu.errors import BadInputError, TransientError


@dataclass(frozen=True)
class Refusal:
    """An answer. exit_code: what the command line ends with. retry_after: seconds, or None when a retry helps nothing."""

    status: int
    error: str
    exit_code: int = BadInputError.exit_code
    retry_after: int | None = None

    @property
    def body(self) -> bytes:
        return json.dumps({"error": self.error, "exit_code": self.exit_code}, ensure_ascii=False).encode()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of an answer after which the connection ends, since nothing more of the request is read."""
        found = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.body)),
            (b"connection", b"close"),
        ]
        return found if self.retry_after is None else [*found, (b"retry-after", b"%d" % self.retry_after)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers at once; no byte of a body is asked for."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def busy(error: str, retry_after: int = 5) -> Refusal:
    """The server cannot take the request now; the same request succeeds later."""
    return Refusal(503, error, TransientError.exit_code, retry_after)


def too_large(limit: int, sentence: str = "") -> Refusal:
    """limit: bytes. sentence: what a person reads in place of the general one."""
    return Refusal(413, sentence or f"the body is larger than {limit} bytes, the most that this address takes.")


def too_slow(seconds: float) -> Refusal:
    """seconds: how long the server has waited."""
    sentence = f"the body came too slowly; the server waited {seconds:g} s for it. Send it again over a faster connection."
    return Refusal(408, sentence, TransientError.exit_code)


def has_body(scope: Scope) -> bool:
    """Whether the head of the request announces a body."""
    return announced(scope) != 0 or any(name == b"transfer-encoding" for name, _ in scope["headers"])


def announced(scope: Scope) -> int:
    """The bytes that the head of the request announces; 0 for a head that says nothing."""
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(found) if found.isdigit() and len(found) < 20 else 0


def closing(message: Message) -> Message:
    """The start of an answer, after which the connection ends."""
    headers = [pair for pair in message.get("headers", []) if pair[0].lower() != b"connection"]
    return {**message, "headers": [*headers, (b"connection", b"close")]}
