"""One client's connection to a model server: HTTP/1.1 without a task, a queue or a dictionary for each request.

llhttp (httptools) parses, as it does under uvicorn; what is here collects a request within limits, asks the service, and
writes the reply. Requests that a client sends before it has its answers are answered one after the other.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import httptools

from jinsu.serving.key import KEY_HEADER
from jinsu.serving.limits import Limits
from jinsu.serving.open_inference import JSON_BYTES_HEADER
from jinsu.serving.replies import Reply, refusal

if TYPE_CHECKING:
    from jinsu.serving.service import Call, Service

log = logging.getLogger("jinsu.server")

_KEY, _JSON_BYTES = KEY_HEADER.encode(), JSON_BYTES_HEADER.encode()
_READ_HEADERS = (_KEY, _JSON_BYTES, b"expect")
_MOST_HEAD = 1 << 16
"""Bytes that arrive at most before the head of a request has ended."""
_MOST_WAITING = 16
"""Requests of one connection that wait for the answer before theirs; with more, nothing is read."""
_LINGER_SECONDS = 1.0
"""How long what a client still sends is read and thrown away after the last reply."""
_MOST_THROWN = 1 << 18
"""Bytes of that at most."""
_JOINED_BYTES = 1 << 14
"""Up to so many bytes a head and a body are copied together, which costs less than a write of two parts."""


class Host(Protocol):
    """What the connections of one server share. held: bytes of the bodies that are read or answered now."""

    service: Service
    limits: Limits
    held: int

    def admits(self, path: str, key: bytes | None) -> bool:
        """Whether a request with this key, or none, may be answered."""

    def opened(self, connection: Connection) -> None:
        """Takes note of a connection."""

    def closed(self, connection: Connection) -> None:
        """Forgets it."""


@dataclass(slots=True, eq=False)
class _Request:
    """refused: the reply that it gets in any case; its body is not kept then. held: bytes that are counted for it."""

    url: bytes = b""
    method: str = ""
    path: str = ""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    held: int = 0
    refused: Reply | None = None
    keep: bool = False

    def body(self) -> bytes:
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)


class Connection(asyncio.Protocol):
    """The parser calls the methods that begin with `on_`, the event loop those of `asyncio.Protocol`.

    idle_since: the loop's time of the last reply, or of the beginning; infinite while a request arrives or is answered.
    """

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host, self._loop = host, loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._arriving: _Request | None = None
        self._in_head = True
        self._head = 0
        self._waiting: deque[_Request] = deque()
        self._answered: _Request | None = None  # the request whose reply is to come
        self._call: Call | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._ended = False  # what still arrives is thrown away
        self._thrown = 0
        self._leaving = self._starting = self._paused = False
        self._full = False  # the client reads more slowly than it is answered
        self.idle_since = loop.time()

    # --- The event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._host.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            self._throw_away(len(data))
            return
        if self._in_head:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # refused with its head
            return
        except httptools.HttpParserCallbackError:
            log.exception("a request cannot be taken")
            self._refuse(refusal(500, "an error in the server; its log says more"))
        except httptools.HttpParserError:
            self._refuse(refusal(400, "the bytes are no HTTP/1.1 request"))
        if self._ended:
            return
        if self._in_head and self._head > _MOST_HEAD:
            self._refuse(refusal(431, f"the head of the request is longer than {_MOST_HEAD} bytes"))
        elif self._head and self._deadline is None:
            self._deadline = self._loop.call_later(self._host.limits.read, self._too_slow)

    def _throw_away(self, count: int) -> None:
        """Counts what arrives behind the last request; a client that goes on sending is not listened to any longer."""
        self._thrown += count
        if self._thrown > _MOST_THROWN:
            if self._answered is None and not self._waiting:
                self._transport.close()
            else:
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._end_deadline()
        self._host.closed(self)
        for request in (self._arriving, self._answered, *self._waiting):
            if request is not None:
                self._host.held -= request.held
        self._arriving = self._answered = None
        self._waiting.clear()
        call, self._call = self._call, None
        if call is not None:
            call.abandon()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._begin_next()

    def leave(self) -> None:
        """Closes the connection once everything that has arrived is answered."""
        self._leaving = True
        if self._answered is None and not self._waiting and self._arriving is None:
            self._transport.close()

    def give_up(self) -> None:
        """Closes a connection that has been idle, also one whose client does not read its replies."""
        if self._full:
            self._transport.abort()
        else:
            self.leave()

    # --- The parser ---

    def on_message_begin(self) -> None:
        self._arriving = _Request()
        self._in_head, self._head = True, self._head or 1

    def on_url(self, url: bytes) -> None:
        assert self._arriving is not None
        self._arriving.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _READ_HEADERS:
            assert self._arriving is not None
            self._arriving.headers.setdefault(name, value)

    def on_headers_complete(self) -> None:
        request, parser = self._arriving, self._parser
        assert request is not None
        self._in_head = False
        request.method = parser.get_method().decode("ascii")
        request.keep = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        path = _path(request.url)
        if parser.should_upgrade() or path is None:
            request.refused, request.keep = refusal(400, "this server speaks HTTP/1.1 and takes a plain path"), False
            return
        request.path = path
        headers = request.headers
        if not self._host.admits(path, headers.get(_KEY)):
            request.refused = Reply(401, b"ask the endpoint, not the model server", "text/plain")
        elif headers and headers.get(b"expect", b"").lower() == b"100-continue" and self._answered is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        request, host = self._arriving, self._host
        if request is None or self._ended or request.refused is not None:
            return
        request.parts.append(part)
        request.held += len(part)
        host.held += len(part)
        if request.held > host.limits.body:
            self._refuse(refusal(413, f"the body is longer than {host.limits.body} bytes"))
        elif host.held > host.limits.bodies:
            self._refuse(refusal(503, "too many bytes of requests are waiting already; try again in a second"))

    def on_message_complete(self) -> None:
        request, self._arriving = self._arriving, None
        if request is None or self._ended:
            return
        self._in_head, self._head = True, 0
        self._end_deadline()
        self._ended = not request.keep
        self._waiting.append(request)
        if len(self._waiting) > _MOST_WAITING and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._begin_next()

    # --- Replies ---

    def _begin_next(self) -> None:
        """Has the requests answered that arrived, as long as each gets its reply at once."""
        if self._starting:
            return
        self._starting = True
        while self._waiting and self._answered is None and not self._full:
            request = self._answered = self._waiting.popleft()
            if request.refused is not None:
                self._reply(request.refused)
            else:
                self._ask(request)
        self._starting = False
        if self._paused and len(self._waiting) <= _MOST_WAITING:
            self._paused = False
            self._transport.resume_reading()

    def _ask(self, request: _Request) -> None:
        self.idle_since = float("inf")
        text = request.headers.get(_JSON_BYTES) if request.headers else None
        if text is not None and (not text.isdigit() or len(text) > 10):
            self._reply(refusal(400, f"{JSON_BYTES_HEADER}: not a number of bytes"))
            return
        call = self._host.service.begin(
            request.method, request.path, request.body(), None if text is None else int(text), self._reply
        )
        if self._answered is request:  # the reply is still to come
            self._call = call

    def _reply(self, reply: Reply) -> None:
        request = self._answered
        if request is None:  # the client has left
            return
        self._call = self._answered = None
        self._host.held -= request.held
        self.idle_since = self._loop.time()
        close = not request.keep or (self._leaving and not self._waiting)
        head = _head(reply.status, reply.content_type, close, reply.json_bytes) + b"%d\r\n\r\n" % len(reply.body)
        body = b"" if request.method == "HEAD" else reply.body
        if len(body) <= _JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        if close:
            self._end()
        elif self._waiting:
            self._begin_next()

    def _end(self) -> None:
        """Closes the connection once the client has read the last reply: closed at once, unread bytes would destroy it."""
        self._ended = True
        self._end_deadline()
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._deadline = self._loop.call_later(_LINGER_SECONDS, self._transport.close)

    def _refuse(self, reply: Reply) -> None:
        """The last reply of this connection, behind those to the requests that arrived before."""
        if self._ended:
            return
        self._ended = True
        self._end_deadline()
        request, self._arriving = self._arriving or _Request(), None
        request.parts.clear()
        request.refused, request.keep = reply, False
        self._waiting.append(request)
        self._begin_next()

    def _too_slow(self) -> None:
        self._deadline = None
        what = "head of the request" if self._in_head else "body"
        self._refuse(refusal(408, f"the {what} did not arrive within {self._host.limits.read:g} s"))

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@lru_cache(64)
def _head(status: int, content_type: str, close: bool, json_bytes: int | None) -> bytes:
    """The head of a reply up to the number of the body's bytes."""
    lines = [f"HTTP/1.1 {status} {_phrase(status)}", f"content-type: {content_type}"]
    if close:
        lines.append("connection: close")
    if status in (429, 503):
        lines.append("retry-after: 1")
    if json_bytes is not None:
        lines.append(f"{JSON_BYTES_HEADER}: {json_bytes}")
    return "\r\n".join([*lines, "content-length: "]).encode("latin-1")


def _phrase(status: int) -> str:
    return http.HTTPStatus(status).phrase


@lru_cache(64)
def _path(url: bytes) -> str | None:
    """The path of a request's target without its query; None for a target that is none."""
    try:
        raw: bytes | None = httptools.parse_url(url).path
        return None if raw is None else unquote(raw.decode("ascii"))
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        return None
