"""gRPC through the real Envoy: the same model, weights, retries, deadlines and counts as over HTTP."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from tests.support.tensor_models import write_echo
from tests.support.waiting import eventually, until_async

from jinsu.clients.supervisord import Supervisor
from jinsu.deployers.local_deployer import LocalDeployer
from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway import schema, topology
from jinsu.gateway.backend import Backend
from jinsu.gateway.bootstrap import MAX_BODY
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer
from jinsu.gateway.statistics import Envoys
from jinsu.gateway.topology import MODEL_HEADER, Route
from jinsu.packaging.contents import SealedPackage
from jinsu.release.counters import Arms, Counters
from jinsu.release.gates import Evidence, Finding, GatePolicy, Verdict, findings, weigh
from jinsu.serving.grpc_messages import METHODS
from jinsu.serving.grpc_service import SERVICE

Code = grpc.StatusCode
NAMED = ((MODEL_HEADER, "toy"),)
Answers = Counter[tuple[str, str]]


def compared(least: int, champion: Counters, challenger: Counters) -> list[Finding]:
    """What the gates find when so much was counted in one look, and a step needs so many answers."""
    policy = GatePolicy(least, 0.01, 2.0, 1e4)
    return findings(policy, weigh(policy, Evidence(), Arms(champion, challenger), next_share=1.0, alone=False))


class Toy:
    """One version's server over gRPC and over HTTP/1: answers with a status that the test chooses, after a delay, or dies."""

    def __init__(self, version: str, folder: Path) -> None:
        self.backend = Backend("toy", version, str(folder / f"v{version}"), str(folder / f"v{version}.grpc"))
        self.code, self.delay, self.heard, self.abandoned = Code.OK, 0.0, dict[str, str](), 0

    async def start(self) -> None:
        self._grpc = grpc.aio.server()
        handlers = {name: self._handler(name) for name in METHODS}
        self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self._grpc.add_insecure_port(f"unix:{self.backend.grpc}")
        await self._grpc.start()
        Path(self.backend.address).unlink(missing_ok=True)
        self._http = await asyncio.start_unix_server(self._respond, self.backend.address)

    async def stop(self) -> None:
        await self._grpc.stop(0)
        self._http.close()

    def _handler(self, name: str) -> Any:
        taken, given = METHODS[name]

        async def answer(request: Any, context: Any) -> Any:
            self.heard = dict(context.invocation_metadata())
            try:
                await asyncio.sleep(self.delay)
            except asyncio.CancelledError:
                self.abandoned += 1
                raise
            if self.code is not Code.OK:
                await context.abort(self.code, "as the test chose")
            if name == "ModelInfer":
                return given(model_name=request.model_name, model_version=self.backend.version)
            return given(ready=True) if name.endswith("Ready") else given()

        return grpc.unary_unary_rpc_method_handler(answer, taken.FromString, given.SerializeToString)

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class Plane:
    """Envoy with a champion (version 1) and a challenger (version 2), asked over one gRPC channel."""

    def __init__(self, xds: XdsServer, ports: Any, folder: Path, channel: grpc.aio.Channel) -> None:
        self.xds, self.ports, self.channel = xds, ports, channel
        self.champion, self.challenger = Toy("1", folder), Toy("2", folder)

    def publish(self, weight: int) -> None:
        routes = [Route("toy", self.champion.backend, self.challenger.backend, weight)]
        self.xds.publish(CLUSTER, topology.clusters(routes))
        self.xds.publish(ROUTE, topology.routes(routes))
        self.xds.publish(RUNTIME, topology.runtime(routes), ttl=60.0)

    async def share(self, weight: int) -> None:
        """Gives the challenger this share, and waits until Envoy follows."""
        self.publish(weight)
        await until_async(self.xds.settled, 30, "Envoy to follow")

    async def call(
        self, method: str = "ModelInfer", metadata: Any = NAMED, timeout: float = 10, **document: Any
    ) -> Any:
        """The answer, and the version that gave it."""
        taken, given = METHODS[method]
        ask = self.channel.unary_unary(f"/{SERVICE}/{method}", taken.SerializeToString, given.FromString)
        call = ask(taken(**document), metadata=metadata, timeout=timeout)
        answer = await call
        return answer, dict(await call.initial_metadata()).get("x-jinsu-version", "")

    async def refused(self, *arguments: Any, **options: Any) -> tuple[Code, str]:
        """Status and sentence of a call that gets no answer."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(*arguments, **options)
        return caught.value.code(), str(caught.value.details())

    async def ask(self, times: int) -> Answers:
        """How often each (status, version) answered."""
        answers: Answers = Counter()
        left = iter(range(times))

        async def work() -> None:
            for _ in left:
                try:
                    answers["OK", (await self.call())[1]] += 1
                except grpc.aio.AioRpcError as problem:
                    # An answer of a status alone has no other metadata than what stands at its end.
                    said = dict([*(problem.initial_metadata() or ()), *(problem.trailing_metadata() or ())])
                    answers[problem.code().name, said.get("x-jinsu-version", "")] += 1

        await asyncio.gather(*(work() for _ in range(8)))
        return answers

    def counted(self) -> dict[str, Counters]:
        (counters,) = Envoys(self.ports.admin_url).read(["toy-v1", "toy-v2"]).values()
        return counters

    async def window(self, times: int) -> tuple[Answers, Counters, Counters]:
        """What so many requests were answered, and what the gates see of champion and challenger meanwhile."""
        before = self.counted()
        answers = await self.ask(times)
        self.counted()  # Envoy gathers its histograms when it is asked, for the next answer
        await asyncio.sleep(0.5)
        after = self.counted()
        champion, challenger = (after[name].since(before.get(name, Counters())) for name in ("toy-v1", "toy-v2"))
        return answers, champion, challenger


@pytest.fixture
def plane(ports: Any, start_envoy: Callable[[], object], envoy_schema: schema.Schema, short: Path) -> Any:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Plane]:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.gateway}") as channel:
            plane = Plane(XdsServer(envoy_schema), ports, short, channel)
            plane.publish(0)
            toys = (plane.champion, plane.challenger)
            for toy in toys:
                await toy.start()
            server = await plane.xds.serve(ports.xds_address)
            start_envoy()
            try:
                await until_async(plane.xds.settled, 60, "Envoy to follow")
                await asyncio.wait_for(channel.channel_ready(), 60)
                yield plane
            finally:
                for toy in toys:
                    await toy.stop()
                await server.stop(0)

    return opened


def test_a_model_is_asked_by_its_name(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            answer, version = await p.call(model_name="toy")
            assert (answer.model_name, answer.model_version, version) == ("toy", "1", "1")
            for method in ("ServerLive", "ServerReady", "ModelReady", "ModelMetadata", "ServerMetadata"):
                assert (await p.call(method))[1] == "1"
            assert (await p.call("ModelReady"))[0].ready

    asyncio.run(scenario())


@pytest.mark.parametrize("metadata", [(), ((MODEL_HEADER, "other"),), ((MODEL_HEADER, "toy/"),)], ids=str)
def test_a_model_that_is_not_named_gets_a_sentence(plane: Any, metadata: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            code, said = await p.refused(metadata=metadata)
            assert code is Code.UNIMPLEMENTED
            assert MODEL_HEADER in said
            assert p.champion.heard == {}

    asyncio.run(scenario())


def test_shares_follow_the_weights(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            for weight, low, high in ((0, 0, 0), (5, 0.003, 0.12), (50, 0.37, 0.63), (100, 1, 1)):
                await p.share(weight)
                answers = await p.ask(300)
                assert set(answers) <= {("OK", "1"), ("OK", "2")}, answers
                assert low <= answers["OK", "2"] / 300 <= high, weight

    asyncio.run(scenario())


FAILURES = [
    Code.INTERNAL, Code.UNKNOWN, Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, Code.UNAUTHENTICATED,
    Code.CANCELLED, Code.DATA_LOSS,
]  # fmt: skip


@pytest.mark.parametrize("code", FAILURES, ids=lambda code: code.name)
def test_a_challenger_whose_answers_fail_is_counted(plane: Any, code: Code) -> None:
    """gRPC reports an error under HTTP's status 200, so the statuses of HTTP alone would show a challenger without faults."""

    async def scenario() -> None:
        async with plane() as p:
            await p.share(50)
            p.challenger.code = code
            answers, champion, challenger = await p.window(200)
            failed = answers[code.name, "2"]
            assert failed > 60
            assert (challenger.requests, challenger.errors) == (failed, failed)
            assert (champion.requests, champion.errors) == (answers["OK", "1"], 0)
            verdicts = {one.gate: one.verdict for one in compared(20, champion, challenger)}
            assert verdicts["errors"] is Verdict.FAIL

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "code", [Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.UNIMPLEMENTED], ids=lambda code: code.name
)
def test_a_clients_mistake_is_no_evidence(plane: Any, code: Code) -> None:
    """It is no error of the version that refuses it, and no answer that a rollout may count as one either."""

    async def scenario() -> None:
        async with plane() as p:
            await p.share(50)
            p.challenger.code = code
            answers, champion, challenger = await p.window(100)
            assert answers[code.name, "2"] > 20
            assert (challenger.requests, challenger.errors) == (0, 0)
            assert (champion.requests, champion.errors) == (answers["OK", "1"], 0)
            found = compared(10, champion, challenger)
            assert {one.gate: one.verdict for one in found}["traffic"] is Verdict.INCONCLUSIVE

    asyncio.run(scenario())


def test_both_protocols_are_counted_together(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p, httpx.AsyncClient(base_url=p.ports.url) as client:
            await p.share(100)
            p.challenger.delay = 0.03
            before = p.counted().get("toy-v2", Counters())
            for _ in range(10):
                assert (await client.get("/models/toy/ping")).headers["x-jinsu-version"] == "2"
            _, _, over_grpc = await p.window(20)
            both = p.counted()["toy-v2"].since(before)
            assert (over_grpc.requests, both.requests, both.errors) == (20, 30, 0)
            assert both.latency[1e4] == 30
            assert both.latency[25.0] == 10  # gRPC's answers took longer

    asyncio.run(scenario())


def test_no_client_notices_that_the_challenger_died(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            await p.share(50)
            await p.ask(20)
            await p.challenger.stop()
            answers, _, challenger = await p.window(100)
            assert answers == {("OK", "1"): 100}
            assert challenger.errors == challenger.requests > 10

    asyncio.run(scenario())


def test_a_deadline_of_the_gateway_ends_a_request(plane: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "_DEADLINE", "0.5s")

    async def scenario() -> None:
        async with plane() as p:
            await p.share(100)
            p.challenger.delay = 30
            begun = time.monotonic()
            code, _ = await p.refused(timeout=20)
            assert code in (Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE)
            assert 0.4 < time.monotonic() - begun < 15
            await until_async(lambda: p.challenger.abandoned == 1, 20, "the server to hear of it")
            found = p.counted()["toy-v2"]
            assert (found.requests, found.errors) == (1, 1)

    asyncio.run(scenario())


def test_a_clients_own_deadline_ends_its_request_and_blames_no_version(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            await p.share(100)
            p.challenger.delay = 30
            for _ in range(3):  # a second, because each must reach the server before it ends
                assert (await p.refused(timeout=1.0))[0] is Code.DEADLINE_EXCEEDED
            assert "grpc-timeout" not in p.challenger.heard
            await until_async(lambda: p.challenger.abandoned == 3, 20, "the server to hear of it")
            found = p.counted().get("toy-v2", Counters())
            assert (found.requests, found.errors) == (0, 0)

    asyncio.run(scenario())


def test_a_message_that_is_too_long_is_refused(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            code, said = await p.refused(raw_input_contents=[b"x" * (MAX_BODY + 1)])
            assert code is not Code.OK
            assert "send fewer rows" in said
            assert p.champion.heard == {}
            found = p.counted().get("toy-v1", Counters())
            assert (found.requests, found.errors) == (0, 0)

    asyncio.run(scenario())


def test_a_model_whose_servers_speak_no_grpc_has_no_route_for_it() -> None:
    silent, speaking = Backend("toy", "1", "/s"), Backend("toy", "2", "/t", "/t.grpc")
    (host,) = topology.routes([Route("toy", silent, speaking, 50)])[0]["virtual_hosts"]
    assert [entry["match"]["prefix"] for entry in host["routes"]] == ["/models/toy/"]
    assert list(topology.runtime([Route("toy", silent, speaking, 50)])[0]["layer"]) == [
        "canary.toy.toy-v1",
        "canary.toy.toy-v2",
    ]


def test_a_deployed_model_answers_over_grpc(
    ports: Any,
    start_envoy: Callable[[], object],
    envoy_schema: schema.Schema,
    short: Path,
    tmp_path: Path,
    own: object,
) -> None:
    """Deployer, supervisor, model server and Envoy are the real ones; a client names the model and sends a tensor."""
    key = "a" * 64
    write_echo(tmp_path / "steps" / key / "out", {"x": ("float32", [-1, 2])})
    supervisor = Supervisor(tmp_path, short, "hush-hush-password")
    supervisor.launch()
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
    asked = {"model_name": "echo", "inputs": [tensor], "raw_input_contents": [b"\x00\x00\x80?\x00\x00\x00@"]}

    async def scenario() -> None:
        backend = LocalDeployer(supervisor, short, tmp_path / "steps").deploy("echo", "1", SealedPackage(key))
        assert await asyncio.to_thread(eventually, lambda: ServerProbe().ready(backend), 60)
        xds, routes = XdsServer(envoy_schema), [Route("echo", backend)]
        xds.publish(CLUSTER, topology.clusters(routes))
        xds.publish(ROUTE, topology.routes(routes))
        xds.publish(RUNTIME, topology.runtime(routes))
        server = await xds.serve(ports.xds_address)
        start_envoy()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.gateway}") as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)
            p, named = Plane(xds, ports, short, channel), ((MODEL_HEADER, "echo"),)
            answer, version = await p.call(metadata=named, **asked)
            assert (list(answer.raw_output_contents), version) == (asked["raw_input_contents"], "1")
            assert (await p.call("ModelReady", named, name="echo"))[0].ready
            for change, code in (({"inputs": []}, Code.INVALID_ARGUMENT), ({"model_name": "else"}, Code.NOT_FOUND)):
                assert (await p.refused(metadata=named, **{**asked, **change}))[0] is code
            (counters,) = Envoys(ports.admin_url).read(["echo-v1"]).values()
            found = counters["echo-v1"]
            assert (found.requests, found.errors) == (2, 0)
        await server.stop(0)

    try:
        asyncio.run(scenario())
    finally:
        supervisor.stop()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_challenger_that_dies_of_each_request_is_counted(plane: Any, protocol: str) -> None:
    """Envoy's retries hide it from the client, and would hide it from the gates: the champion answers in its place."""

    async def scenario() -> None:
        async with plane() as p, httpx.AsyncClient(base_url=p.ports.url) as client:
            await p.challenger.stop()
            dying = [
                await asyncio.start_unix_server(die, place)
                for place in (p.challenger.backend.address, p.challenger.backend.grpc)
            ]
            await p.share(50)
            if protocol == "grpc":
                answers, champion, challenger = await p.window(100)
                assert answers == {("OK", "1"): 100}
            else:
                for _ in range(100):
                    assert (await client.get("/models/toy/ping")).headers["x-jinsu-version"] == "1"
                champion, challenger = p.counted()["toy-v1"], p.counted()["toy-v2"]
            assert (champion.errors, challenger.errors) == (0, challenger.requests)
            assert challenger.requests > 20
            for server in dying:
                server.close()

    asyncio.run(scenario())


async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends the connection when a request has arrived, as the kernel does for a process that was killed."""
    await reader.read(1 << 16)
    await asyncio.sleep(0.02)  # HTTP/2 begins with a preface of its own
    writer.transport.abort()
