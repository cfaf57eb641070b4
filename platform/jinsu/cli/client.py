"""The API as the command line sees it: a token, an address, and errors that are sentences already."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from jinsu.cli.credentials import Place, place
from jinsu.errors import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    GateFailedError,
    JinsuError,
    NotFoundError,
    StepFailedError,
    TransientError,
)
from jinsu.runs.text import clean

if TYPE_CHECKING:
    import httpx
    from pydantic import BaseModel

_ERRORS: dict[int, type[JinsuError]] = {
    kind.exit_code: kind
    for kind in (
        BadInputError,
        NotFoundError,
        ForbiddenError,
        ConflictError,
        StepFailedError,
        GateFailedError,
        TransientError,
    )
}


_Answer = TypeVar("_Answer")
_WAITS = (1.0, 2.0, 5.0)
"""Seconds before a question is asked again that the API could not answer for the moment. Only what changes nothing is."""
_UPLOAD_SECONDS = 3600.0


class Client:
    """The API at a place, as the person whose token is kept there. signed_in: false asks without a token."""

    def __init__(self, where: Place | None = None, *, signed_in: bool = True) -> None:
        import httpx

        where = where or place()
        self.url, self._answered = where.url, False
        headers = {"authorization": f"Bearer {_printable(where.token())}"} if signed_in else {}
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=60.0)
        except httpx.InvalidURL as problem:
            raise BadInputError(f"{self.url}: no address of a platform: {problem}.") from None

    def get(self, path: str, kind: type[_Answer], **params: Any) -> _Answer:
        """The answer as `kind`: a type of `jinsu.api.models`, or a list of one."""
        return _parsed(kind, self._send("GET", path, params=params))

    def post(self, path: str, kind: type[_Answer], body: BaseModel | None = None) -> _Answer:
        document = None if body is None else body.model_dump(mode="json")
        return _parsed(kind, self._send("POST", path, json=document))

    def put(self, path: str, kind: type[_Answer], body: BaseModel) -> _Answer:
        return _parsed(kind, self._send("PUT", path, json=body.model_dump(mode="json")))

    def delete(self, path: str, kind: type[_Answer], **params: Any) -> _Answer:
        return _parsed(kind, self._send("DELETE", path, params=params))

    def download(self, path: str, write: Callable[[bytes], None], **params: Any) -> None:
        """Hands the body of a good answer to `write` as it comes; a body that breaks off raises TransientError."""
        import httpx

        try:
            with self._http.stream("GET", path, params=params, timeout=_UPLOAD_SECONDS) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _problem(self.url, answer)
                for block in answer.iter_bytes(1 << 20):
                    write(block)
        except httpx.RequestError:
            raise TransientError(f"{self.url} stopped answering; empty the folder and try again.") from None

    def upload(self, path: str, kind: type[_Answer], data: bytes | Iterable[bytes], **params: Any) -> _Answer:
        return _parsed(kind, self._send("POST", path, content=data, params=params, timeout=_UPLOAD_SECONDS))

    def post_for_bytes(self, path: str, body: BaseModel, **params: Any) -> bytes:
        """As `post`, for an answer that is no JSON."""
        return self._send("POST", path, json=body.model_dump(mode="json"), params=params)

    def _send(self, method: str, path: str, **arguments: Any) -> bytes:
        """The body of a good answer; a problem is raised as the error that its exit code stands for."""
        waits = _WAITS if method == "GET" else ()
        for wait in (*waits, None):
            try:
                return self._send_once(method, path, **arguments)
            except TransientError as problem:
                if wait is None or not self._answered:
                    raise
                seconds = min(wait, problem.retry_after)
                click.echo(f"jinsu: {problem} Trying again in {seconds:g} s.", err=True)
                time.sleep(seconds)
        raise AssertionError("the last try returns or raises")

    def _send_once(self, method: str, path: str, **arguments: Any) -> bytes:
        import httpx

        self._answered = False
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.InvalidURL as problem:
            raise BadInputError(f"{self.url}{path[:200]}: no address: {problem}.") from None
        except httpx.RequestError:
            raise TransientError(f"{self.url} does not answer; on this machine start it with: jinsu up") from None
        self._answered = True
        if answer.is_success:
            return bytes(answer.content)
        raise _problem(self.url, answer)


def _problem(url: str, answer: httpx.Response) -> JinsuError:
    """The error that an answer describes; a sentence about the answer when another program than the API gave it."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        message, code = document["error"], document.get("exit_code", BadInputError.exit_code)
    else:
        code = TransientError.exit_code if answer.status_code in (502, 503, 504) else JinsuError.exit_code
        message = f"{url} answered {answer.status_code} and no sentence of Jinsu's API: {clean(answer.text[:200])}"
    kind = _ERRORS.get(code if isinstance(code, int) else JinsuError.exit_code, JinsuError)
    if kind is not TransientError:
        return kind(clean(message))
    seconds = answer.headers.get("retry-after", "")
    return TransientError(clean(message), float(seconds) if seconds.isdigit() else 5.0)


def _parsed(kind: type[_Answer], body: bytes) -> _Answer:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(body)
    except ValidationError:
        raise JinsuError(
            "the answer is none that this version of jinsu knows; the address may be another program's, or the platform of "
            "another version."
        ) from None


def _printable(token: str) -> str:
    if not (token.isascii() and token.isprintable()):
        raise BadInputError("the token holds characters that no token has; copy it again, or sign in: jinsu login")
    return token


def path(*parts: str) -> str:
    """A path of the API, `/v1/PART/PART`, in which a part is one whatever characters it has. Raises BadInputError for ""."""
    if not all(parts):
        raise BadInputError("an argument is empty; it takes a name.")
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])


def stream_file(path: Path) -> Iterable[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk
