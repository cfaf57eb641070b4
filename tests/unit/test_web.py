"""What a hostile or a clumsy client meets before the API's application: real connections to the API under uvicorn."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest
from tests.support.answers import OPEN, operations
from tests.support.api_client import ApiClient
from tests.support.live_server import connection, head, heard, live
from tests.support.stage_bench import StageBench
from tests.support.waiting import until

from jinsu.api import models
from jinsu.api.app import create_app
from jinsu.identity import tokens
from jinsu.state.states import TokenUse
from jinsu.web import listening
from jinsu.web.bodies import Pace, Patience

HURRIED = Patience(small=0.6, place=0.5, pace=Pace(seconds=0.6, least=1000))
PATIENT = Patience(small=600, place=600, pace=Pace(seconds=600))
"""Longer than a connection of these tests waits for an answer."""
ANN = "authorization: Bearer token of ann"


@pytest.fixture(scope="module")
def server(shared_api: tuple[StageBench, ApiClient]) -> Iterator[int]:
    """The API of the shared installation, which waits less than a second for anything."""
    with live(create_app(shared_api[0].installation, HURRIED)) as found:
        yield found


@pytest.fixture
def port(server: int, bench: StageBench) -> int:
    """Where the API of `bench` answers."""
    return server


@pytest.fixture
def patient_port(bench: StageBench) -> Iterator[int]:
    """Where the API of `bench` answers that waits for ten minutes for anything."""
    with live(create_app(bench.installation, PATIENT)) as found:
        yield found


def answered(client: socket.socket) -> tuple[int, dict[str, str], models.Problem]:
    """Status, headers and problem of the one answer on a connection that the server then ends."""
    top, _, body = heard(client).partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, models.Problem.model_validate_json(body)


def asked(port: int, *parts: bytes) -> tuple[int, dict[str, str], models.Problem]:
    with connection(port) as client:
        for part in parts:
            client.sendall(part)
        return answered(client)


# --- Who asks is known before a body is read ---


def test_nobody_is_refused_before_a_body_has_come(patient_port: int, api: ApiClient) -> None:
    lines = ("content-type: application/json", "content-length: 100000")
    for method, path in operations(api):
        if path in OPEN or method == "GET":
            continue
        for shown in ((), ("authorization: Bearer nonsense",), ("cookie: jinsu_session=nonsense",)):
            status, headers, problem = asked(patient_port, head(method, re.sub(r"{[^}]*}", "x", path), *lines, *shown))
            assert (status, headers["connection"]) == (401, "close"), (method, path)
            assert "no valid token" in problem.error


@pytest.mark.parametrize("shown", [(), ("authorization: Bearer nonsense",)])
def test_nobody_is_asked_to_go_on_with_a_body(port: int, shown: tuple[str, ...]) -> None:
    lines = ("expect: 100-continue", "content-length: 1000", *shown)
    with connection(port) as client:
        client.sendall(head("POST", "/v1/code", *lines))
        everything = heard(client)
    assert everything.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in everything


def test_a_known_person_is_asked_to_go_on(port: int) -> None:
    with connection(port) as client:
        client.sendall(head("POST", "/v1/code", "expect: 100-continue", "content-length: 5", "connection: close", ANN))
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"bytes")
        status, _, problem = answered(client)
    assert (status, problem.exit_code) == (422, 2)
    assert "not a readable tar.gz archive" in problem.error


def test_a_page_of_another_site_changes_nothing_and_sends_nothing(port: int, bench: StageBench) -> None:
    with bench.records.begin() as session:
        token = tokens.give(session, "ann", TokenUse.SESSION, actor="ann")
    lines = (f"cookie: jinsu_session={token}", "sec-fetch-site: cross-site", "content-length: 100000")
    status, _, problem = asked(port, head("POST", "/v1/tokens", *lines))
    assert status == 403
    assert "only from Jinsu's own pages" in problem.error


def test_whoever_sends_much_with_a_token_that_ended_reads_why_it_is_refused(port: int) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/code",
        content=(b"x" * 65536 for _ in range(400)),
        headers={"authorization": "Bearer x"},
    )
    assert answer.status_code == 401
    assert "no valid token" in answer.json()["error"]


# --- How much may come, and how slowly ---


@pytest.mark.parametrize(
    ("path", "limit"), [("/v1/submissions", 2**20), ("/v1/code", 64 * 2**20), ("/v1/datasets/x?suffix=.csv", 8 * 2**30)]
)
def test_an_announced_body_over_the_limit_is_not_read(port: int, path: str, limit: int) -> None:
    status, headers, problem = asked(port, head("POST", path, f"content-length: {limit + 1}", ANN))
    assert (status, problem.exit_code, headers["connection"]) == (413, 2, "close")
    assert "larger than" in problem.error


@pytest.mark.parametrize("line", [ANN, "authorization: none"])
def test_a_body_that_grows_over_the_limit_is_cut_off(port: int, line: str) -> None:
    """The ways in know nobody, and read as little as the rest."""
    path = "/v1/submissions" if line is ANN else "/v1/login"
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    status, _, problem = asked(port, head("POST", path, "transfer-encoding: chunked", line), *[piece] * 17)
    assert (status, problem.exit_code) == (413, 2)


@pytest.mark.parametrize(
    "path", ["/v1/submissions", "/v1/code", "/v1/datasets/fresh?suffix=.csv", "/v1/login", "/login"]
)
def test_a_body_that_stops_coming_is_given_up(port: int, path: str) -> None:
    status, _, problem = asked(port, head("POST", path, "content-length: 5000", ANN), b"{")
    assert (status, problem.exit_code) == (408, 75)
    assert "too slowly" in problem.error


def test_a_file_that_trickles_is_given_up_and_one_that_flows_is_not(bench: StageBench) -> None:
    pace = Pace(seconds=2.5, least=1000)

    def send(port: int, size: int) -> tuple[int, models.Problem]:
        """What is answered to a file that comes in pieces of `size` bytes for twice as long as the deadline."""
        pieces = 50
        with connection(port) as client:
            client.sendall(head("POST", "/v1/code", f"content-length: {pieces * size}", "connection: close", ANN))
            for _ in range(pieces):
                time.sleep(2 * pace.seconds / pieces)
                try:
                    client.sendall(b"x" * size)
                except OSError:
                    break  # the server has given up
            status, _, problem = answered(client)
            return status, problem

    with live(create_app(bench.installation, Patience(pace=pace))) as port:
        status, problem = send(port, 10)
        assert (status, problem.exit_code) == (408, 75)
        status, problem = send(port, pace.least)
        assert "not a readable tar.gz archive" in problem.error


def going_on(client: socket.socket, path: str, *lines: str) -> None:
    """Sends the head of a request, and waits until the server receives its body."""
    client.sendall(head("POST", path, "expect: 100-continue", *lines))
    assert client.recv(1000).startswith(b"HTTP/1.1 100 ")


def test_few_files_are_received_at_a_time_and_others_wait_their_turn(bench: StageBench) -> None:
    waiting = head("POST", "/v1/code", "content-length: 2000", "connection: close", ANN)
    patience = Patience(place=0.5, pace=PATIENT.pace)
    with live(create_app(bench.installation, patience)) as port:
        with ExitStack() as stack:
            for _ in range(2):
                going_on(stack.enter_context(connection(port)), "/v1/code", "content-length: 60000000", ANN)
            status, headers, problem = asked(port, waiting)
            assert (status, headers["retry-after"], problem.exit_code) == (503, "10", 75)
            runs = httpx.get(f"http://127.0.0.1:{port}/v1/runs", headers={"authorization": "Bearer token of ann"})
            assert runs.is_success
            other = waiting.replace(b"token of ann", b"token of eve")
            assert asked(port, other, b"z" * 2000)[0] == 422, "another person has places of their own"
        until(lambda: asked(port, waiting, b"z" * 2000)[0] == 422, 20, "the places of those who have left")


# --- Heads and connections ---


def test_a_head_that_stops_coming_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.4)
    with connection(port) as silent:
        assert heard(silent) == b""
    monkeypatch.setattr(listening, "HEAD_SECONDS", 2.0)  # longer than this test may need for half a head
    status, _, problem = asked(port, b"GET /health HTTP/1.1\r\nhost: ")
    assert (status, problem.exit_code) == (408, 75)


def test_the_head_of_a_second_request_has_a_deadline_too(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection(port) as client:
        client.sendall(head("GET", "/health"))
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        monkeypatch.setattr(listening, "HEAD_SECONDS", 0.4)
        client.sendall(b"GET /health HTTP/1.1\r\n")
        status, _, _ = answered(client)
    assert status == 408


def test_a_head_that_trickles_has_the_same_deadline(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.4)
    sent = 0
    with connection(port) as client:
        for letter in head("GET", "/health", "x-pad: " + "y" * 1000):
            try:
                client.sendall(bytes([letter]))
            except OSError:
                break
            sent += 1
            time.sleep(0.02)
    assert sent < 200


@pytest.mark.parametrize(
    "sent",
    [
        head("GET", "/health", "x-pad: " + "y" * 6 * listening.HEAD_BYTES),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n\r\n",
        b"GET /hea\x00lth HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    ],
    ids=["a long head", "TLS", "no host", "a NUL", "two hosts", "no length", "a negative length", "two lengths"],
)
def test_what_is_no_request_gets_a_sentence_too(port: int, sent: bytes) -> None:
    status, headers, problem = asked(port, sent)
    assert (status, headers["content-type"], problem.exit_code) == (400, "application/json", 2)
    assert "head is longer than" in problem.error


def healthy(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health").is_success
    return False


def test_connections_are_bounded(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "CONNECTIONS", 3)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connection(port))
        status, headers, problem = asked(port)
        assert (status, headers["retry-after"], problem.exit_code) == (503, "2", 75)
    until(lambda: healthy(port), 20, "the connections to be free again")


def test_an_api_that_is_busy_says_so_and_stays_alive(bench: StageBench) -> None:
    app = create_app(bench.installation, PATIENT, most=2)
    with live(app) as port, ExitStack() as stack:
        for _ in range(2):
            going_on(stack.enter_context(connection(port)), "/v1/login", "content-length: 10")
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/runs")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert models.Problem.model_validate_json(answer.content).exit_code == 75
        assert httpx.get(f"http://127.0.0.1:{port}/health").json()["status"] == "ok"


def test_an_error_of_the_apis_own_shows_no_traceback(
    bench: StageBench, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinsu.api.views.Views.runs", lambda *_: 1 / 0)
    answer = httpx.get(f"http://127.0.0.1:{port}/v1/runs", headers={"authorization": "Bearer token of ann"})
    assert answer.status_code == 500
    assert json.loads(answer.content) == {"error": answer.json()["error"], "exit_code": 1}
    assert "log says more" in answer.json()["error"]
    assert "ZeroDivision" not in answer.text
