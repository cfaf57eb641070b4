"""What the servers in memory share: they are asked over HTTP, they may be down, and answers may be lost."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import httpx
from tests.support.crash_points import CrashPoints


class Refusal(Exception):
    """The server answers with an error."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(status)
        self.status, self.document = status, document


class FakeServer:
    """A server behind httpx. A subclass answers in `handle`; each request is a crash point before and after its work.

    asked: method and path of every request so far.
    """

    records: tuple[str, ...]
    """Names of the attributes that hold what the server remembers."""

    def __init__(self, crash: CrashPoints | None = None) -> None:
        self.crash = crash or CrashPoints()
        self._work_well()

    def _work_well(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.down = False
        self.lose_answer_to: str | None = None
        self.refuse: Callable[[str, str], int] = lambda method, path: 0

    def take_over(self, other: "FakeServer") -> None:
        """Remembers what another server remembers, and nothing else; nothing is wrong with it."""
        self._work_well()
        for name in self.records:
            setattr(self, name, copy.deepcopy(getattr(other, name)))

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, request: httpx.Request) -> Any:
        """The answer's document. Raises Refusal."""
        raise NotImplementedError

    def client(self, url: str) -> httpx.Client:
        """A client whose requests all come here."""
        return httpx.Client(base_url=url, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append((request.method, path))
        if self.down:
            raise httpx.ConnectError("connection refused", request=request)
        if status := self.refuse(request.method, path):
            return httpx.Response(status, text="refused by the test")
        self.crash.reach()
        try:
            answer = self._work(request)
        except Refusal as refusal:
            return httpx.Response(refusal.status, json=refusal.document)
        self.crash.reach()
        if self.lose_answer_to is not None and path.endswith(self.lose_answer_to):
            self.lose_answer_to = None
            raise httpx.ReadTimeout("timed out", request=request)
        return answer

    def _work(self, request: httpx.Request) -> httpx.Response:
        is_json = request.headers.get("content-type", "").startswith("application/json")
        body = json.loads(request.content) if is_json and request.content else request.content
        query = dict(parse_qsl(request.url.query.decode()))
        document = self.handle(request.method, request.url.path, query, body, request)
        return (
            httpx.Response(200, content=document) if isinstance(document, bytes) else httpx.Response(200, json=document)
        )
