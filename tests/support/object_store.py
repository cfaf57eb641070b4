"""A real S3 server (nanio) for tests, and one before it that knows conditional writes, which nanio ignores."""

import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.ports import free_ports, listens
from tests.support.waiting import eventually

from jinsu.objects.s3 import S3, S3Settings

KEYS = ("access-key-of-tests", "secret-key-of-tests")
BUCKET = "objects"
EXISTS = b"<Error><Code>PreconditionFailed</Code><Message>There is such an object.</Message></Error>"


@contextlib.contextmanager
def running_store() -> Iterator[int]:
    """The port of a server with an empty bucket."""
    with tempfile.TemporaryDirectory(prefix="jinsu-s3-") as root:
        (Path(root) / BUCKET).mkdir()
        port = free_ports(1)
        command = [
            sys.executable,
            "-m",
            "nanio",
            "serve",
            "--data-dir",
            root,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        process = subprocess.Popen(
            command,
            env={**os.environ, "NANIO_ACCESS_KEY": KEYS[0], "NANIO_SECRET_KEY": KEYS[1]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: listens(port), within=20)
            yield port
        finally:
            process.kill()
            process.wait()


def client(port: int, prefix: str, kind: Callable[[S3Settings], S3] = S3, **changes: Any) -> S3:
    """A client of the store at `port`, in its own part of the bucket."""
    known: dict[str, Any] = {"attempts": 3, "bucket": BUCKET, "endpoint": f"http://127.0.0.1:{port}", "prefix": prefix}
    made = kind(S3Settings(**{**known, "access_key": KEYS[0], "secret_key": KEYS[1], **changes}))
    made.__dict__["_client"] = _connection(port, os.getpid()) if not changes else made._client
    return made


@lru_cache(maxsize=8)
def _connection(port: int, _process: int) -> Any:
    """One connection for all parts of a bucket: making one takes longer than what most tests do with it."""
    return S3(
        S3Settings(BUCKET, f"http://127.0.0.1:{port}", access_key=KEYS[0], secret_key=KEYS[1], attempts=3)
    )._client


class _Conditions(BaseHTTPRequestHandler):
    """Refuses a PUT with `If-None-Match: *` where there is an object, as AWS does; passes everything else on."""

    protocol_version = "HTTP/1.1"
    store: int
    mutex: threading.Lock

    def log_message(self, *_: object) -> None:
        pass

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("if-none-match") != "*":
            self._answer(*self._ask(body))
            return
        with self.mutex:  # both requests are one, as far as other conditional ones are concerned
            there = self.path.split("?")[0].lstrip("/").partition("/")[2] in self.server.made  # type: ignore[attr-defined]
            if not there:
                self.server.made.add(self.path.lstrip("/").partition("/")[2])  # type: ignore[attr-defined]
        self._answer(*((412, [], EXISTS) if there else self._ask(body)))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.store, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", str(len(data)))
        self.send_header("content-length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def with_conditions(store: int) -> Iterator[int]:
    """The port of a server before the store that knows `If-None-Match: *` for objects which are created so and not deleted."""
    handler = type("Handler", (_Conditions,), {"store": store, "mutex": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.made = set()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
