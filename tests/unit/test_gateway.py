"""Envoy as a cluster has it, for real: who shows no key gets nothing, and nobody reaches its administration."""

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from tests.support.live_models import http_client
from tests.support.tensor_models import write_echo
from tests.support.waiting import until

from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway import schema
from jinsu.gateway.backend import Backend
from jinsu.gateway.bootstrap import Gateway, bootstrap
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer
from jinsu.gateway.envoy import binary as envoy_binary
from jinsu.gateway.statistics import Envoys
from jinsu.gateway.topology import MODEL_HEADER, Route, clusters, routes, runtime
from jinsu.serving.grpc_service import SERVICE
from jinsu.serving.key import KEY_HEADER
from jinsu.serving.service import Service

GATEWAY_KEY, SERVER_KEY = "gateway-key-1", "server-key-2"
CLIENTS = {"default": "client-key-3", "other": "client-key-4"}
ASKED = "/models/toy/invocations"


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return found


def gateway(**changes: Any) -> Gateway:
    port, admin, xds, stats = free_ports(4)
    plain = Gateway(port, admin, xds, stats_port=stats, key=GATEWAY_KEY, clients=CLIENTS)
    return replace(plain, **changes)


@dataclass
class Server:
    """A model server: remembers the headers of what it was asked."""

    heard: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def start(self) -> ThreadingHTTPServer:
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                found: dict[str, str] = {}
                for name, value in self.headers.items():
                    found[name.lower()] = f"{found[name.lower()]}|{value}" if name.lower() in found else value
                heard.append({**found, ":path": self.path})
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


def start_grpc_server(heard: list[dict[str, str]]) -> tuple[grpc.Server, int]:
    """A model server over gRPC, which remembers the metadata of what it was asked; with its port."""

    def ready(_: bytes, context: Any) -> bytes:
        heard.append(dict(context.invocation_metadata()))
        return b""

    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {"ServerReady": grpc.unary_unary_rpc_method_handler(ready)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def start_envoy(gateway: Gateway, folder: Path) -> subprocess.Popen[bytes]:
    path = folder / "envoy.json"
    path.write_text(json.dumps(bootstrap(gateway)))
    command = [envoy_binary(), "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    with (folder / "envoy.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def envoy_schema(tmp_path_factory: pytest.TempPathFactory) -> schema.Schema:
    return schema.load(envoy_binary(), tmp_path_factory.mktemp("schema"))


@pytest.fixture
def serve(envoy_schema: schema.Schema) -> Iterator[Callable[..., XdsServer]]:
    yield from serving(envoy_schema)


def serving(envoy_schema: schema.Schema) -> Iterator[Callable[..., XdsServer]]:
    """Starts discovery servers in a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started = []

    def start(port: int, backend: Backend | None = None, key: str = GATEWAY_KEY) -> XdsServer:
        xds = XdsServer(envoy_schema, key)
        wanted = [Route("toy", backend)] if backend else []

        async def work() -> Any:
            xds.publish(CLUSTER, clusters(wanted))
            xds.publish(ROUTE, routes(wanted, SERVER_KEY))
            xds.publish(RUNTIME, runtime(wanted), ttl=60.0)
            return await xds.serve(f"127.0.0.1:{port}")

        started.append(asyncio.run_coroutine_threadsafe(work(), loop).result(60))
        return xds

    yield start
    for server in started:
        asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


@dataclass(frozen=True)
class Plane:
    """over_grpc: the metadata of each request that the model server got over gRPC."""

    gateway: Gateway
    server: Server
    over_grpc: list[dict[str, str]]

    def ask_over_grpc(self, *metadata: tuple[str, str]) -> grpc.StatusCode:
        """The status of one request over gRPC."""
        with grpc.insecure_channel(f"127.0.0.1:{self.gateway.port}") as channel:
            try:
                channel.unary_unary(f"/{SERVICE}/ServerReady")(b"", metadata=metadata, timeout=60)
            except grpc.RpcError as problem:
                return problem.code()
        return grpc.StatusCode.OK

    def ask(self, path: str = ASKED, method: str = "GET", **headers: str) -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.gateway.port}{path}", headers=headers, timeout=60)

    def answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.ask(authorization="Bearer client-key-3").status_code == 200
        return False

    def statistics(self, path: str, method: str = "GET", key: str = GATEWAY_KEY) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        url = f"http://127.0.0.1:{self.gateway.stats_port}{path}"
        return httpx.request(method, url, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def plane(envoy_schema: schema.Schema, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """Envoy with one model behind it."""
    config, server, over_grpc = gateway(), Server(), list[dict[str, str]]()
    listening = server.start()
    grpc_server, grpc_port = start_grpc_server(over_grpc)
    servers = serving(envoy_schema)
    next(servers)(config.xds_port, Backend("toy", "1", f"127.0.0.1:{server.port}", f"127.0.0.1:{grpc_port}"))
    process = start_envoy(config, tmp_path_factory.mktemp("envoy"))
    found = Plane(config, server, over_grpc)
    try:
        until(found.answers, 20, "an answer through Envoy", every=0.05)
        server.heard.clear()
        yield found
    finally:
        ended(process)
        next(servers, None)
        listening.shutdown()
        grpc_server.stop(0)


def raw(port: int, request: str) -> bytes:
    """What comes back for these very bytes: no client tidies the path up."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request.encode("latin-1"))
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
        return found


# --- The first configuration ---


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "0.0.0.0", "xds_host": "jinsu-controller.jinsu.svc.cluster.local"},
        {"stats_port": 0, "key": "", "clients": {}},
        {"clients": {"a": 'quote" {{ }} \\', "b": "x" * 500}},
    ],
    ids=["in a cluster", "by name", "on a laptop", "odd keys"],
)
def test_envoy_takes_its_first_configuration(changes: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "envoy.json"
    path.write_text(json.dumps(bootstrap(gateway(**changes))))
    done = subprocess.run(
        [envoy_binary(), "--mode", "validate", "-c", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_key_is_not_shown_by_its_owner() -> None:
    shown = repr(gateway())
    assert not any(key in shown for key in (GATEWAY_KEY, *CLIENTS.values()))


def test_the_administration_listens_where_only_its_own_machine_hears() -> None:
    assert bootstrap(gateway(host="0.0.0.0"))["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


# --- The endpoint ---


@pytest.mark.parametrize(
    "shown",
    [
        "", "Bearer", "Bearer ,", "Bearer wrong", "client-key-3x", "Bearer client-key-3 ,", "Basic client-key-3",
        "Bearer client-key-3, Bearer client-key-4", f"Bearer {GATEWAY_KEY}", f"Bearer {SERVER_KEY}", "Bearer default",
    ],
)  # fmt: skip
def test_who_shows_no_known_key_is_a_stranger(plane: Plane, shown: str) -> None:
    plane.server.heard.clear()
    assert plane.ask(**({"authorization": shown} if shown else {})).status_code == 401
    assert plane.server.heard == []


@pytest.mark.parametrize("path", ["/", "/models/", "/models/none/invocations", "/health", "/metrics"])
def test_a_stranger_does_not_learn_which_models_there_are(plane: Plane, path: str) -> None:
    assert plane.ask(path).status_code == 401


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_client_has_a_key_and_the_model_learns_whose(plane: Plane, name: str, method: str) -> None:
    plane.server.heard.clear()
    answer = plane.ask(method=method, authorization=f"Bearer {CLIENTS[name]}")
    assert (answer.status_code, answer.headers["x-jinsu-version"]) == (200, "1")
    (heard,) = plane.server.heard
    assert heard["x-jinsu-client"] == name
    assert heard[":path"] == "/invocations"


def test_a_clients_key_ends_at_the_gateway(plane: Plane) -> None:
    plane.server.heard.clear()
    assert plane.ask(authorization="Bearer client-key-3").status_code == 200
    (heard,) = plane.server.heard
    assert "authorization" not in heard
    assert not any("client-key" in value for value in heard.values())


def test_a_client_cannot_show_a_key_of_its_own_to_a_model_server(plane: Plane) -> None:
    plane.server.heard.clear()
    answer = raw(
        plane.gateway.port,
        f"GET {ASKED} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer client-key-3\r\nconnection: close\r\n"
        "x-jinsu-key: mine\r\nX-Jinsu-Key: mine too\r\nx-jinsu-client: admin\r\nX-JINSU-CLIENT: admin\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200")
    (heard,) = plane.server.heard
    assert heard[KEY_HEADER] == SERVER_KEY
    assert heard["x-jinsu-client"] == "default"


@pytest.mark.parametrize("name", ["x_jinsu_key", "x-jinsu_key"])
def test_a_header_that_could_be_mistaken_for_the_key_is_refused(plane: Plane, name: str) -> None:
    assert plane.ask(**{"authorization": "Bearer client-key-3", name: "mine"}).status_code == 400


def test_a_connection_named_header_does_not_take_the_key_away(plane: Plane) -> None:
    """`Connection: x-jinsu-key` makes a proxy drop that header."""
    plane.server.heard.clear()
    raw(
        plane.gateway.port,
        f"GET {ASKED} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer client-key-3\r\nconnection: close, x-jinsu-key\r\n\r\n",
    )
    assert [heard[KEY_HEADER] for heard in plane.server.heard] == [SERVER_KEY]


def test_an_answer_never_carries_the_model_servers_key(plane: Plane) -> None:
    assert SERVER_KEY not in str(plane.ask(authorization="Bearer client-key-3").headers)


@pytest.mark.parametrize(
    "shown", ["", "Bearer wrong", "client-key-3x", f"Bearer {SERVER_KEY}", f"Bearer {GATEWAY_KEY}"]
)
@pytest.mark.parametrize("model", ["toy", "none"])
def test_who_shows_no_known_key_is_a_stranger_over_grpc_too(plane: Plane, shown: str, model: str) -> None:
    plane.over_grpc.clear()
    key = (("authorization", shown),) if shown else ()
    assert plane.ask_over_grpc((MODEL_HEADER, model), *key) is grpc.StatusCode.UNAUTHENTICATED
    assert plane.over_grpc == []


def test_a_client_over_grpc_shows_its_key_and_the_model_server_gets_its_own(plane: Plane) -> None:
    plane.over_grpc.clear()
    mine = (("authorization", "Bearer client-key-3"), (KEY_HEADER, "mine"), ("x-jinsu-client", "admin"))
    assert plane.ask_over_grpc((MODEL_HEADER, "toy"), *mine) is grpc.StatusCode.OK
    (heard,) = plane.over_grpc
    assert (heard[KEY_HEADER], heard["x-jinsu-client"]) == (SERVER_KEY, "default")
    assert not any("client-key" in str(value) for value in heard.values())


# --- The statistics ---


def test_the_controller_reads_the_statistics_with_its_key(plane: Plane) -> None:
    plane.ask(authorization="Bearer client-key-3")
    url = f"http://127.0.0.1:{plane.gateway.stats_port}"
    (counted,) = Envoys(url, GATEWAY_KEY).read(["toy-v1"]).values()
    assert counted["toy-v1"].requests > 0
    with pytest.raises(httpx.HTTPStatusError):
        Envoys(url, "wrong").read(["toy-v1"])
    with pytest.raises(httpx.HTTPStatusError):
        Envoys(url).read(["toy-v1"])


def test_readiness_may_be_asked_by_anybody(plane: Plane) -> None:
    assert plane.statistics("/ready", key="").text == "LIVE\n"


@pytest.mark.parametrize("key", ["", "wrong", "client-key-3", GATEWAY_KEY.upper(), f"{GATEWAY_KEY}x"])
def test_the_statistics_need_the_gateways_key(plane: Plane, key: str) -> None:
    answer = plane.statistics("/stats/prometheus", key=key)
    assert answer.status_code == 404
    assert "envoy_" not in answer.text


@pytest.mark.parametrize(
    "page", ["/config_dump", "/clusters", "/stats", "/server_info", "/certs", "/listeners", "/", "/help"]
)
def test_no_other_page_is_shown(plane: Plane, page: str) -> None:
    assert plane.statistics(page).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
@pytest.mark.parametrize(
    "page", ["/quitquitquit", "/runtime_modify?a=b", "/logging?level=trace", "/drain_listeners", "/reset_counters"]
)
def test_nothing_can_be_changed(plane: Plane, page: str, method: str) -> None:
    assert plane.statistics(page, method).status_code == 404
    assert plane.ask(authorization="Bearer client-key-3").status_code == 200


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE", "OPTIONS"])
def test_statistics_are_only_read(plane: Plane, method: str) -> None:
    assert plane.statistics("/stats/prometheus", method).status_code == 404


TRICKS = [
    "/ready/../config_dump", "/ready/..%2fconfig_dump", "/ready%2f..%2fconfig_dump", "/ready/%2e%2e/config_dump",
    "/stats/prometheus/../../config_dump", "/stats/prometheus/..;/../config_dump", "//config_dump", "/./config_dump",
    "/%63onfig_dump", "/config_dump?/ready", "/ready;/config_dump", "/ready%00/config_dump", "/ready#/../config_dump",
    "/ready\\..\\config_dump", "/config_dump#/stats/prometheus", "http://x/config_dump", "/stats/prometheus%2f..%2f..%2fclusters",
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_no_spelling_of_a_path_reaches_another_page(plane: Plane, path: str) -> None:
    answer = raw(
        plane.gateway.stats_port,
        f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {GATEWAY_KEY}\r\nconnection: close\r\n\r\n",
    )
    assert b"HTTP/1.1 20" not in answer or answer.endswith(b"LIVE\n")
    assert b"configs" not in answer
    assert b"::default_priority::" not in answer


@pytest.mark.parametrize(
    "more", ["x-envoy-original-path: /config_dump", "x-http-method-override: POST", "x-forwarded-for: 127.0.0.1"]
)
def test_no_header_opens_another_page(plane: Plane, more: str) -> None:
    answer = raw(
        plane.gateway.stats_port, f"GET /ready HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\nconnection: close\r\n\r\n"
    )
    assert b"configs" not in answer


def test_two_requests_in_one_do_not_smuggle_the_second(plane: Plane) -> None:
    smuggled = "GET /config_dump HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = raw(
        plane.gateway.stats_port,
        f"GET /ready HTTP/1.1\r\nhost: x\r\ncontent-length: {len(smuggled)}\r\ntransfer-encoding: chunked\r\n\r\n"
        f"0\r\n\r\n{smuggled}",
    )
    assert b"configs" not in answer


# --- Envoy and its controller ---


def test_an_envoy_that_has_met_no_controller_is_not_ready(tmp_path: Path, serve: Callable[..., XdsServer]) -> None:
    """Ready, it would answer 404 for every model, in the place of an Envoy that knows them."""
    config = gateway()
    process = start_envoy(config, tmp_path)

    def ready() -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{config.stats_port}/ready", timeout=5).status_code
        except httpx.TransportError:
            return 0

    try:
        patience = time.monotonic() + 16  # Envoy waits for clusters, then for routes
        while time.monotonic() < patience:
            assert ready() != 200
            time.sleep(0.2)
        serve(config.xds_port)
        until(lambda: ready() == 200, 30, "Envoy to be ready", every=0.05)
    finally:
        ended(process)


def discover(port: int, envoy_schema: schema.Schema, *metadata: tuple[str, str]) -> Any:
    """One question on a discovery stream; the answer, or the status that it was refused with."""
    request = envoy_schema.message("envoy.service.discovery.v3.DiscoveryRequest")
    response = envoy_schema.message("envoy.service.discovery.v3.DiscoveryResponse")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stream = channel.stream_stream(
            "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        try:
            return next(stream(iter([request(type_url=ROUTE)]), metadata=metadata, timeout=60))
        except grpc.RpcError as problem:
            return problem.code()


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer wrong"),), (("authorization", GATEWAY_KEY),), (("authorization", ""),)],
    ids=["none", "wrong", "without a scheme", "empty"],
)
def test_the_controller_tells_a_stranger_nothing(
    metadata: Any, serve: Callable[..., XdsServer], envoy_schema: schema.Schema
) -> None:
    (port,) = free_ports(1)
    serve(port, Backend("toy", "1", "127.0.0.1:1"))
    assert discover(port, envoy_schema, *metadata) == grpc.StatusCode.UNAUTHENTICATED


def test_the_controller_tells_an_envoy_with_the_key(
    serve: Callable[..., XdsServer], envoy_schema: schema.Schema
) -> None:
    (port,) = free_ports(1)
    serve(port, Backend("toy", "1", "127.0.0.1:1"))
    answer = discover(port, envoy_schema, ("authorization", f"Bearer {GATEWAY_KEY}"))
    assert answer.type_url == ROUTE
    assert SERVER_KEY.encode() in answer.resources[0].value  # which is why a stranger gets none


# --- What stands behind ---


def test_a_model_server_answers_only_whoever_shows_its_key(tmp_path: Path) -> None:
    service = Service(write_echo(tmp_path, {"x": ("float32", [-1])}), "toy", "1")

    async def statuses() -> list[int]:
        async with http_client(service, SERVER_KEY) as client:
            shown = [{}, {KEY_HEADER: "wrong"}, {KEY_HEADER: SERVER_KEY + "x"}, {KEY_HEADER: SERVER_KEY}]
            found = [(await client.get("/metrics", headers=headers)).status_code for headers in shown]
            paths = ("/health", "/health/", "/%68ealth/../metrics")
            return [*found, *[(await client.get(path)).status_code for path in paths]]

    try:
        assert asyncio.run(statuses()) == [401, 401, 401, 200, 200, 401, 401]
    finally:
        service.close()


def test_the_controllers_probe_shows_the_key(plane: Plane) -> None:
    plane.server.heard.clear()
    ServerProbe(SERVER_KEY).ready(Backend("toy", "1", f"127.0.0.1:{plane.server.port}"))
    assert [heard[KEY_HEADER] for heard in plane.server.heard] == [SERVER_KEY]


def test_metrics_that_are_none_do_not_stop_the_release_loop(plane: Plane) -> None:
    """Such as the 401 of a server that has another key: one bad answer must not hold up every other model."""
    assert ServerProbe("old-key").non_finite(Backend("toy", "1", f"127.0.0.1:{plane.server.port}")) is None


# --- Leaving ---


def test_a_gateway_that_is_about_to_leave_ends_each_connection_with_an_answer(plane: Plane) -> None:
    """What the chart's hook asks of it before it stops: clients come back on a new connection, to another gateway."""
    asked = {"authorization": "Bearer client-key-3"}
    administration = f"http://127.0.0.1:{plane.gateway.admin_port}"
    assert "connection" not in plane.ask(**asked).headers
    httpx.post(f"{administration}/healthcheck/fail")
    try:
        answer = plane.ask(**asked)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert plane.statistics("/ready").status_code == 503
    finally:
        httpx.post(f"{administration}/healthcheck/ok")
