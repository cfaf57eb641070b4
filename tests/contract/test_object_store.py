"""What an object store promises, against a real S3 server (nanio), also when the network does its worst."""

import http.client
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.support.object_store import KEYS, running_store

from jinsu.errors import NotFoundError, TransientError
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3, S3Settings

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Proxy(BaseHTTPRequestHandler):
    """Stands before the store and does to each request what the next fault says."""

    protocol_version = "HTTP/1.1"
    store: tuple[str, int]
    faults: list[tuple[str, str]]  # (method, fault), used up in order
    seen: list[tuple[str, str]]

    def log_message(self, *_: object) -> None:
        pass

    def _forward(self) -> None:
        self.seen.append((self.command, self.path))
        fault = ""
        if self.faults and self.faults[0][0] == self.command:
            fault = self.faults.pop(0)[1]
        length = int(self.headers.get("content-length") or 0)
        if fault == "reset in mid-upload":
            self.rfile.read(length // 2)
            self._reset()
            return
        body = self.rfile.read(length)
        if fault == "slow down":
            self._answer(503, [], SLOW_DOWN)
            return
        status, headers, data = self._ask(body)
        if fault == "truncated":
            self._answer(status, headers, data, data[: len(data) // 2])
            self.wfile.flush()
            self._reset()
        elif fault == "damaged":
            self._answer(status, headers, bytes([data[0] ^ 1]) + data[1:])
        else:
            self._answer(status, headers, data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.store, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, answer.getheaders(), data

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, sent: bytes | None = None) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", str(len(data)))
        self.send_header("content-length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        self.wfile.write(data if sent is None else sent)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with running_store() as port:
        yield port


class Line:
    """The way to the store, with the faults that lie on it."""

    def __init__(self, store: int) -> None:
        self.faults: list[tuple[str, str]] = []
        self.seen: list[tuple[str, str]] = []
        handler = type("Handler", (Proxy,), {"store": ("127.0.0.1", store), "faults": self.faults, "seen": self.seen})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def s3(self, **changes: Any) -> S3:
        known: dict[str, Any] = {
            "attempts": 3,
            "bucket": "objects",
            "endpoint": self.endpoint,
            "access_key": KEYS[0],
            "secret_key": KEYS[1],
        }
        return S3(S3Settings(**{**known, **changes}))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def line(server: int) -> Iterator[Line]:
    it = Line(server)
    yield it
    it.close()


@pytest.fixture
def s3(line: Line, request: pytest.FixtureRequest) -> S3:
    return line.s3(prefix=request.node.name)


@pytest.fixture
def source(tmp_path: Path) -> Callable[[int], Path]:
    def make(size: int) -> Path:
        path = tmp_path / f"source-{size}"
        if not path.exists():
            path.write_bytes(os.urandom(size))
        return path

    return make


@pytest.mark.parametrize("size", [0, 1, 100_000, 20 * 2**20], ids=["empty", "a byte", "small", "in parts"])
def test_what_was_put_comes_back(s3: S3, source: Callable[[int], Path], tmp_path: Path, size: int) -> None:
    s3.put(source(size), "a/b")
    s3.get("a/b", tmp_path / "deep" / "back")
    assert (tmp_path / "deep" / "back").read_bytes() == source(size).read_bytes()


def test_small_objects_and_lists(s3: S3) -> None:
    for name in ("steps/k/log/0002", "steps/k/log/0001", "steps/k/result.json", "steps/other/result.json"):
        s3.write(name, name.encode())
    assert s3.read("steps/k/result.json") == b"steps/k/result.json"
    assert s3.read("steps/none") is None
    assert list(s3.keys("steps/k/log/")) == ["steps/k/log/0001", "steps/k/log/0002"]
    assert list(s3.keys("steps/k/log/", after="steps/k/log/0001")) == ["steps/k/log/0002"]
    assert sorted(s3.folders("steps/")) == ["k", "other"]
    s3.delete("steps/k/")
    assert list(s3.keys("")) == ["steps/other/result.json"]


def test_what_is_not_there_is_said(s3: S3, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not in the object store"):
        s3.get("nothing", tmp_path / "back")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", ["slow down", "truncated", "damaged"])
def test_a_bad_read_is_read_again(
    line: Line, s3: S3, source: Callable[[int], Path], tmp_path: Path, fault: str
) -> None:
    s3.put(source(100_000), "a")
    line.faults += [("GET", fault), ("GET", fault)]
    s3.get("a", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source(100_000).read_bytes()
    assert line.faults == []
    assert s3.read("a") is not None


def test_a_read_that_stays_bad_leaves_nothing(
    line: Line, s3: S3, source: Callable[[int], Path], tmp_path: Path
) -> None:
    s3.put(source(1000), "a")
    line.faults += [("GET", "damaged")] * 20
    with pytest.raises(TransientError, match="arrived with sha256"):
        s3.get("a", tmp_path / "back")
    assert [path.name for path in tmp_path.iterdir()] == ["source-1000"]


@pytest.mark.parametrize("fault", ["slow down", "reset in mid-upload"])
@pytest.mark.parametrize("size", [100_000, 20 * 2**20], ids=["small", "in parts"])
def test_a_broken_upload_is_sent_again(
    line: Line, s3: S3, source: Callable[[int], Path], tmp_path: Path, size: int, fault: str
) -> None:
    path = source(size)
    line.faults += [("PUT", fault), ("PUT", fault)]
    s3.put(path, "a")
    assert line.faults == []
    s3.get("a", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_an_upload_that_fails_is_aborted(line: Line, s3: S3, source: Callable[[int], Path]) -> None:
    """Its parts would be paid for, for ever."""
    line.faults += [("POST", ""), *[("PUT", "slow down")] * 40]
    with pytest.raises(TransientError, match="tried again"):
        s3.put(source(20 * 2**20), "a")
    assert "DELETE" in {method for method, path in line.seen if "uploadId" in path}
    line.faults.clear()
    assert s3.read("a") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bucket": "none"}, "bucket 'none' does not exist; create it"),
        ({"secret_key": "wrong"}, "the secret key is wrong"),
        ({"access_key": "nobody"}, "does not know the access key"),
        ({"endpoint": "http://127.0.0.1:1"}, "127.0.0.1:1"),
    ],
)
def test_a_wrong_setting_is_named(line: Line, changes: dict[str, str], said: str) -> None:
    with pytest.raises(TransientError, match=said):
        line.s3(**changes).write("a", b"b")


def test_a_mirror_shows_a_folder_once_its_mark_is_there_and_brings_it_once(line: Line, s3: S3, tmp_path: Path) -> None:
    there = Mirror(tmp_path / "there", s3)
    s3.write("steps/k/out/model", b"weights")
    assert not (there.folder("steps/k", "result.json")).exists()
    s3.write("steps/k/result.json", b"{}")
    assert (there.folder("steps/k", "result.json") / "out" / "model").read_bytes() == b"weights"
    assert [path.name for path in (tmp_path / "there" / "steps").iterdir()] == ["k"]
    line.seen.clear()
    there.folder("steps/k", "result.json")
    assert line.seen == []
    assert there.read("steps/k/result.json") == b"{}"
    assert there.folders("steps") == ["k"]


def test_what_could_not_be_published_is_not_cached(line: Line, s3: S3, tmp_path: Path) -> None:
    """Otherwise the next attempt would find it here and never send it."""
    here = Mirror(tmp_path, s3)
    line.faults += [("PUT", "slow down")] * 3
    with pytest.raises(TransientError):
        here.keep_file("code/a", b"archive")
    assert not (tmp_path / "code" / "a").exists()
    assert s3.read("code/a") is None
    line.faults.clear()
    here.keep_file("code/a", b"archive")
    assert s3.read("code/a") == b"archive"


def test_a_listing_tells_sizes_and_times(s3: S3) -> None:
    s3.write("a/b", b"12345")
    (found,) = s3.stored("a/")
    assert (found.key, found.size) == ("a/b", 5)
    assert abs(found.modified - time.time()) < 60
