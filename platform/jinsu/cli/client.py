"""The API as the command line sees it: a token, an address, and errors that are sentences already."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

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

if TYPE_CHECKING:
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
_UPLOAD_SECONDS = 3600.0


class Client:
    """The API at a place, as the person whose token is kept there. signed_in: false asks without a token."""

    def __init__(self, where: Place | None = None, *, signed_in: bool = True) -> None:
        import httpx

        where = where or place()
        self.url = where.url
        headers = {"authorization": f"Bearer {where.token()}"} if signed_in else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=60.0)

    def get(self, path: str, kind: type[_Answer], **params: Any) -> _Answer:
        """The answer as `kind`: a type of `jinsu.api.models`, or a list of one."""
        return _parsed(kind, self._send("GET", path, params=params))

    def post(self, path: str, kind: type[_Answer], body: BaseModel | None = None) -> _Answer:
        document = None if body is None else body.model_dump(mode="json")
        return _parsed(kind, self._send("POST", path, json=document))

    def put(self, path: str, kind: type[_Answer], body: BaseModel) -> _Answer:
        return _parsed(kind, self._send("PUT", path, json=body.model_dump(mode="json")))

    def delete(self, path: str, kind: type[_Answer]) -> _Answer:
        return _parsed(kind, self._send("DELETE", path))

    def upload(self, path: str, kind: type[_Answer], data: bytes | Iterable[bytes], **params: Any) -> _Answer:
        return _parsed(kind, self._send("POST", path, content=data, params=params, timeout=_UPLOAD_SECONDS))

    def post_for_bytes(self, path: str, body: BaseModel, **params: Any) -> bytes:
        """As `post`, for an answer that is no JSON."""
        return self._send("POST", path, json=body.model_dump(mode="json"), params=params)

    def _send(self, method: str, path: str, **arguments: Any) -> bytes:
        """The body of a good answer; a problem is raised as the error that its exit code stands for."""
        import httpx

        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.TransportError:
            raise TransientError(f"{self.url} does not answer; on this machine start it with: jinsu up") from None
        if answer.is_success:
            return bytes(answer.content)
        try:
            document = answer.json()
        except ValueError:
            document = {"error": f"{self.url} answered {answer.status_code}: {answer.text[:200]}"}
        message = document.get("error") or str(document.get("detail"))
        raise _ERRORS.get(document.get("exit_code", 2), JinsuError)(message)


def _parsed(kind: type[_Answer], body: bytes) -> _Answer:
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_json(body)


def path(*parts: str) -> str:
    """A path of the API, `/v1/PART/PART`, in which a part is one whatever characters it has."""
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])


def stream_file(path: Path) -> Iterable[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk
