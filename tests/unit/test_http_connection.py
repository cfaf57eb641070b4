"""The model server's own HTTP, spoken to with bytes: what is answered, in which order, and what ends a connection."""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tensor_models import write_echo
from tests.support.waiting import until_async

from jinsu.packaging.arrays import Arrays
from jinsu.serving import http_server
from jinsu.serving.batching import Batcher
from jinsu.serving.engine import Done
from jinsu.serving.http_server import Address, HttpServer
from jinsu.serving.limits import Limits
from jinsu.serving.service import Service

HEALTH = b"GET /health HTTP/1.1\r\nHost: m\r\n\r\n"
READ, WRITE = asyncio.StreamReader, asyncio.StreamWriter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_echo(tmp_path_factory.mktemp("echo"), {"x": ("int64", [-1])})


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    """It waits only shortly for what does not come."""
    made = Service(folder, "m", "1", Limits(read=0.3))
    yield made
    made.close()


@pytest.fixture(scope="module")
def patient(folder: Path) -> Iterator[Service]:
    made = Service(folder, "m", "1", Limits(read=60.0))
    yield made
    made.close()


def post(number: Any, *headers: str, version: str = "1.1", size: int = 0) -> bytes:
    body = json.dumps({"inputs": [number] * (size or 1)}).encode()
    lines = [f"POST /invocations HTTP/{version}", "Host: m", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def predictions(number: int) -> bytes:
    return b'{"predictions":[%d]}' % number


def talk(service: Service, talking: Callable[[READ, WRITE], Awaitable[Any]], seconds: float = 20) -> Any:
    async def run() -> Any:
        with tempfile.TemporaryDirectory() as place:
            socket = str(Path(place) / "m.sock")
            async with HttpServer(service).listening(Address(socket), 5):
                reader, writer = await asyncio.open_unix_connection(socket)
                try:
                    return await asyncio.wait_for(talking(reader, writer), seconds)
                finally:
                    writer.close()

    return asyncio.run(run())


def said(service: Service, sent: bytes) -> bytes:
    """Everything that comes back until the server closes the connection."""

    async def talking(reader: READ, writer: WRITE) -> bytes:
        writer.write(sent)
        return await reader.read()

    answer: bytes = talk(service, talking)
    return answer


def slow(service: Service, seconds: float) -> list[int]:
    """Has the model take its time; the sizes of the batches that it got."""
    sizes: list[int] = []

    def run(rows: Arrays, done: Done) -> None:
        sizes.append(len(rows[0]))
        asyncio.get_running_loop().call_later(seconds, done, rows)

    service.batcher = Batcher(run, service.limits, lambda rows: None, give_up=lambda: None)
    return sizes


def test_requests_that_are_sent_at_once_are_answered_in_their_order(patient: Service) -> None:
    sent = b"".join(post(number) for number in range(40)) + HEALTH + post(40, "Connection: close")
    answer = said(patient, sent)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 42
    places = [answer.index(predictions(number)) for number in range(41)]
    assert places == sorted(places)


def test_a_request_in_single_bytes_is_answered(patient: Service) -> None:
    async def talking(reader: READ, writer: WRITE) -> bytes:
        for byte in post(7, "Connection: close"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        return await reader.read()

    assert predictions(7) in talk(patient, talking)


@pytest.mark.parametrize(
    "sent", [post(7, "Connection: close"), post(7, version="1.0"), post(7, "Connection: keep-alive", version="1.0")]
)
def test_who_asks_for_the_end_of_the_connection_gets_it_with_the_answer(patient: Service, sent: bytes) -> None:
    answer = said(patient, sent + post(8))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(predictions(7)), "what follows is not read"


@pytest.mark.parametrize(
    ("sent", "status", "word"),
    [
        (b"\x16\x03\x01\x02\x00", 400, b"no HTTP/1.1 request"),
        (b"GET /health HTTP/1.1\r\nHost m\r\n\r\n", 400, b"no HTTP/1.1 request"),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, b"no HTTP/1.1"),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, b"no HTTP/1.1 request"),
        (b"GET /health HTTP/1.1\r\nX: " + b"x" * 70_000, 431, b"longer than 65536 bytes"),
        (b"GET /" + b"x" * 70_000, 431, b"longer than 65536 bytes"),
        (b"GET /health HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400, b"takes a plain path"),
        (b"CONNECT m:80 HTTP/1.1\r\n\r\n", 400, b"takes a plain path"),
        (b"GET /health HTTP/1.1\r\nHost: m\r\n", 408, b"the head of the request did not arrive within 0.3 s"),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 9\r\n\r\n{", 408, b"the body did not arrive within 0.3 s"),
    ],
)  # fmt: skip
def test_what_is_no_request_ends_the_connection(service: Service, sent: bytes, status: int, word: bytes) -> None:
    """Also behind a good request, whose answer comes first."""
    for before in (b"",) if status == 431 else (b"", post(7)):
        head, _, body = said(service, before + sent).rpartition(b"\r\n\r\n")
        assert head[head.rindex(b"HTTP/1.1") :].startswith(b"HTTP/1.1 %d " % status)
        assert b"connection: close" in head
        assert word in body
        assert (predictions(7) in head) == bool(before)
    assert predictions(7) in said(service, post(7, "Connection: close"))


def test_a_client_that_waits_for_100_continue_is_answered(patient: Service) -> None:
    async def talking(reader: READ, writer: WRITE) -> bytes:
        request = post(7, "Expect: 100-continue", "Connection: close")
        head, _, body = request.partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        return await reader.read()

    assert predictions(7) in talk(patient, talking)


def test_the_head_of_a_reply_comes_without_its_body_when_asked_for(patient: Service) -> None:
    head, _, body = said(patient, b"HEAD /health HTTP/1.1\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert not body


def test_a_client_that_reads_nothing_is_not_answered_without_end(folder: Path) -> None:
    """Its replies would fill the memory; so its requests wait, and other clients do not."""
    service = Service(folder, "m", "1")
    ask = post(1, size=1000)

    async def talking(reader: READ, writer: WRITE) -> None:
        async def write() -> None:
            while True:
                writer.write(ask * 20)
                await writer.drain()

        writing = asyncio.create_task(write())
        answered, before = service.telemetry.requests.labels("200")._value.get, 0.0
        for _ in range(60):
            await asyncio.sleep(0.5)
            before, last = answered(), before
            if before == last > 0:
                break
        else:
            pytest.fail("it is answered without end")
        writing.cancel()

    try:
        talk(service, talking, 60)
        assert predictions(7) in said(service, post(7, "Connection: close"))
    finally:
        service.close()


def test_what_has_arrived_is_answered_before_a_server_ends(folder: Path) -> None:
    service = Service(folder, "m", "1")
    sizes = slow(service, 0.3)

    async def run() -> tuple[bytes, bytes]:
        with tempfile.TemporaryDirectory() as place:
            socket = str(Path(place) / "m.sock")
            async with HttpServer(service).listening(Address(socket), 5):
                busy, idle = [await asyncio.open_unix_connection(socket) for _ in range(2)]
                busy[1].write(post(7))
                await until_async(lambda: sizes, 20, "the request")
            with pytest.raises(FileNotFoundError):
                await asyncio.open_unix_connection(socket)
            answers = await busy[0].read(), await idle[0].read()
            for _, writer in (busy, idle):
                writer.close()
            return answers

    try:
        answer, nothing = asyncio.run(run())
        assert answer.endswith(predictions(7))
        assert b"connection: close" in answer
        assert nothing == b""
    finally:
        service.close()


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(http_server, "_SWEEP_SECONDS", 0.05)
    service = Service(folder, "m", "1")
    slow(service, 0.8)

    async def talking(reader: READ, writer: WRITE) -> bytes:
        writer.write(post(7))
        answer = await reader.readuntil(b"]}")
        assert await reader.read() == b""
        return answer

    try:
        answer = talk(service, talking)
        assert predictions(7) in answer
        assert b"connection: close" not in answer
    finally:
        service.close()


def test_nothing_is_held_for_clients_that_have_left(folder: Path) -> None:
    service = Service(folder, "m", "1", Limits(deadline=60.0))
    begun: list[tuple[Arrays, Done]] = []
    service.batcher = Batcher(
        lambda rows, done: begun.append((rows, done)), service.limits, lambda rows: None, give_up=lambda: None
    )

    async def run() -> None:
        server = HttpServer(service)
        with tempfile.TemporaryDirectory() as place:
            socket = str(Path(place) / "m.sock")

            async def leave(sent: bytes, has_arrived: Callable[[], Any]) -> None:
                _, writer = await asyncio.open_unix_connection(socket)
                writer.write(sent)
                await until_async(has_arrived, 20, "the request")
                writer.close()

            async with server.listening(Address(socket), 5):
                await leave(post(1), lambda: begun)
                await leave(post(2) * 30, lambda: service.batcher.waiting == 1)
                for number in (1, 2):  # with the reply to its first request the server finds that the client has left
                    await until_async(lambda number=number: len(begun) == number, 20, f"run {number}")
                    rows, done = begun[number - 1]
                    done(rows)
                await until_async(lambda: server.held == 0, 20, "the requests to be forgotten")
                await leave(post(3)[:-2], lambda: server.held > 0)
                await until_async(lambda: server.held == 0, 20, "the request to be forgotten")

    try:
        asyncio.run(run())
        assert len(begun) == 2, "of thirty requests of one client the second was not begun"
    finally:
        service.close()


@given(
    st.lists(
        st.sampled_from([HEALTH, post(7), post("x"), b"\r\n", b"G", b"\x00", post(1)[:60], b"0\r\n\r\n"]), max_size=9
    )
)
@settings(deadline=None, max_examples=40)
def test_no_bytes_break_a_connection(service: Service, pieces: list[bytes]) -> None:
    """Every answer is whole, and the server goes on answering."""

    async def talking(reader: READ, writer: WRITE) -> bytes:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        writer.write(post(7, "Connection: close"))
        return await reader.read()

    rest: bytes = talk(service, talking)
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 "), head
        length = int(head.rpartition(b"content-length: ")[2])
        assert len(rest) >= length
        rest = rest[length:]
    assert predictions(7) in said(service, post(7, "Connection: close"))
