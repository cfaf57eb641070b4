"""The broker over HTTP: a small ASGI application, with JSON in and out.

Every request but `GET /health` shows the token of an attempt. An answer that is no success is `{"error": SENTENCE}`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from jinsu.broker.desk import Desk
from jinsu.errors import BadInputError, ConflictError, ForbiddenError, JinsuError, NotFoundError
from jinsu.steps.access_token import Holder, holder_of

log = logging.getLogger("jinsu.broker")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_MOST_BYTES = 32 << 20
_QUESTION_BYTES = 1 << 20
_DOCUMENT = "/document/"
_STATUS: Mapping[type[JinsuError], int] = {
    BadInputError: 400,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
}


class _Unknown(Exception):
    """The request shows no token that this broker knows."""


class BrokerApp:
    """The ASGI application. The store is asked in threads, so that a slow store delays nobody's health."""

    def __init__(self, desk: Desk, key: str) -> None:
        """key: the secret with which the tokens of attempts were made."""
        self._desk, self._key = desk, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, document = await self._answer(scope, receive)
        body = json.dumps(document).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
        path: str = scope["path"]
        if path == "/health":
            return 200, {"status": "ok"}
        try:
            holder = self._holder(scope)  # before a byte of the body is read
            if scope["method"] == "PUT" and path.startswith(_DOCUMENT):
                data = await _body(receive, _MOST_BYTES)
                key = unquote(scope["raw_path"].decode().removeprefix(_DOCUMENT))
                await asyncio.to_thread(self._desk.write, holder, key, data)
                return 200, {}
            if scope["method"] != "POST":
                return 405, {"error": "the broker takes POST, and PUT of documents"}
            question = _question(await _body(receive, _QUESTION_BYTES))
            return 200, await asyncio.to_thread(self._decide, holder, path, question)
        except _Unknown:
            return 401, {"error": "the token of this step is not known here"}
        except JinsuError as problem:
            status = next((number for kind, number in _STATUS.items() if isinstance(problem, kind)), 503)
            return status, {"error": str(problem)}
        except Exception:
            log.exception("a request failed")
            return 500, {"error": "the broker failed; its log says why"}

    def _holder(self, scope: Scope) -> Holder:
        headers = dict(scope["headers"])
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        holder = holder_of(self._key, token) if scheme.lower() == "bearer" else None
        if holder is None:
            raise _Unknown
        return holder

    def _decide(self, holder: Holder, path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question that was read as JSON."""
        if path.startswith("/parts/"):
            return self._decide_parts(holder, path, question)
        desk = self._desk
        match path:
            case "/begin":
                desk.begin(holder)
            case "/get":
                return {"url": desk.get(holder, _text(question, "key"))}
            case "/put":
                return {"url": desk.put(holder, _text(question, "key"), _text(question, "sha256"))}
            case "/list":
                keys, more = desk.list(holder, _text(question, "prefix"), _text(question, "after"))
                return {"keys": keys, "more": more}
            case "/delete":
                desk.delete(holder, _text(question, "prefix"))
            case _:
                raise _no_verb(path)
        return {}

    def _decide_parts(self, holder: Holder, path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """As `_decide`, for uploads in parts."""
        desk, key = self._desk, _text(question, "key")
        match path:
            case "/parts/begin":
                return {"upload": desk.begin_parts(holder, key, _text(question, "sha256"))}
            case "/parts/sign":
                number = int(_of(question, "number", int))
                return {"url": desk.sign_part(holder, key, _text(question, "upload"), number)}
            case "/parts/complete":
                tags = [str(tag) for tag in _of(question, "tags", list)]
                desk.complete_parts(holder, key, _text(question, "upload"), tags)
            case "/parts/abort":
                desk.abort_parts(holder, key, _text(question, "upload"))
            case _:
                raise _no_verb(path)
        return {}


def _no_verb(path: str) -> NotFoundError:
    return NotFoundError(f"{path}: the broker has no such verb.")


def _question(body: bytes) -> Mapping[str, Any]:
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):
        question = None
    if not isinstance(question, dict):
        raise BadInputError("the request is no JSON object.")
    return question


def _of(question: Mapping[str, Any], name: str, kind: type) -> Any:
    value = question.get(name)
    if not isinstance(value, kind):
        raise BadInputError(f"{name}: is missing or of another type.")
    return value


def _text(question: Mapping[str, Any], name: str) -> str:
    value = str(_of(question, name, str))
    if not value.isprintable() or len(value) > 2048:
        raise BadInputError(f"{name}: must be printable, and at most 2048 characters long.")
    return value


async def _body(receive: Receive, most: int) -> bytes:
    """The request's body. Raises BadInputError for more than `most` bytes."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            raise BadInputError(f"the request has more than {most} bytes.")
        if not message.get("more_body"):
            return bytes(body)
