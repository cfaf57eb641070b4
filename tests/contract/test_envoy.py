"""The data plane, for real: Envoy, its discovery server, and two toy versions of one model behind Unix sockets."""

import asyncio
import json
import math
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from tests.support.waiting import until_async

from jinsu.gateway import schema, topology
from jinsu.gateway.backend import Backend
from jinsu.gateway.bootstrap import MAX_BODY
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer
from jinsu.gateway.envoy import binary as envoy_binary
from jinsu.gateway.statistics import Envoys
from jinsu.gateway.topology import Route
from jinsu.release.counters import Arms, Counters
from jinsu.release.gates import Evidence, GatePolicy, Verdict, findings, overall, weigh

START = Callable[[], subprocess.Popen[bytes]]
TTL = 2.0


@dataclass(frozen=True)
class Answer:
    """One answer to a request; when it was sent and answered."""

    begun: float
    ended: float
    status: int
    version: str


class Upstream:
    """One version's server: says which version it is, and can be told to fail, to be slow, or to die."""

    def __init__(self, version: str, folder: Path) -> None:
        self.backend = Backend("toy", version, str(folder / f"v{version}"))
        self.status, self.delay, self.heard = 200, 0.0, b""
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        Path(self.backend.address).unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.backend.address, limit=1 << 20)

    def die(self) -> None:
        """As a killed process: nobody listens, every connection is reset."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                self.heard = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = [line for line in self.heard.split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
                await asyncio.sleep(self.delay)
                writer.write(
                    b"HTTP/1.1 %d OK\r\nx-jinsu-version: forged\r\ncontent-length: 7\r\n\r\n%7d"
                    % (self.status, len(body))
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


class Plane:
    """Envoy with a champion (version 1) and a challenger (version 2)."""

    def __init__(self, xds: XdsServer, ports: Any, folder: Path, client: httpx.AsyncClient) -> None:
        self.xds, self.ports, self.client = xds, ports, client
        self.champion, self.challenger = Upstream("1", folder), Upstream("2", folder)

    def publish(self, weight: int = 0, ttl: float = TTL, champion: Upstream | None = None) -> None:
        routes = [Route("toy", (champion or self.champion).backend, self.challenger.backend, weight)]
        self.xds.publish(CLUSTER, topology.clusters([*routes, Route("toy", self.champion.backend)]))
        self.xds.publish(ROUTE, topology.routes(routes))
        self.xds.publish(RUNTIME, topology.runtime(routes), ttl=ttl)

    async def publish_and_wait(self, weight: int, ttl: float = 60.0, **changes: Any) -> None:
        self.publish(weight, ttl, **changes)
        await self.until(self.xds.settled)

    async def until(self, look: Callable[[], bool], within: float = 30.0) -> None:
        await until_async(look, within, "Envoy to follow")

    async def ask(self, times: int, **request: Any) -> Counter[tuple[int, str]]:
        """How often each (status, version) answered."""
        answers: Counter[tuple[int, str]] = Counter()
        left = iter(range(times))

        async def work() -> None:
            for _ in left:
                answer = await self.client.request(**{"method": "GET", "url": "/models/toy/ping", **request})
                answers[answer.status_code, answer.headers.get("x-jinsu-version", "")] += 1

        await asyncio.gather(*(work() for _ in range(8)))
        return answers

    async def ask_until(self, over: asyncio.Event, answers: list[Answer]) -> None:
        """Adds what was answered to four clients that never rest."""

        async def work() -> None:
            while not over.is_set():
                begun = time.monotonic()
                answer = await self.client.get("/models/toy/ping")
                version = answer.headers.get("x-jinsu-version", "")
                answers.append(Answer(begun, time.monotonic(), answer.status_code, version))

        await asyncio.gather(*(work() for _ in range(4)))

    @asynccontextmanager
    async def load(self) -> AsyncIterator[list[Answer]]:
        """Requests all the while. The list grows until the block is left."""
        over, answers = asyncio.Event(), list[Answer]()
        task = asyncio.create_task(self.ask_until(over, answers))
        try:
            yield answers
        finally:
            over.set()
            await task

    async def until_alone(self, version: str, answers: list[Answer], after: float = 0.0) -> None:
        """Waits until this version has given the last hundred answers, to requests that began `after` then."""

        def alone() -> bool:
            last = answers[-100:]
            return len(last) == 100 and {one.version for one in last} == {version} and last[0].begun > after

        await self.until(alone, 60)

    async def until_shared(self) -> None:
        """Waits until the challenger has a share."""

        async def shared() -> bool:
            return await self.share(40) > 0

        await until_async(shared, 60, "the challenger's share", every=0.2)

    async def share(self, times: int = 200) -> float:
        """The challenger's share of so many requests; every one of them must be answered well."""
        answers = await self.ask(times)
        assert set(answers) <= {(200, "1"), (200, "2")}, answers
        return answers[200, "2"] / times


@pytest.fixture
def plane(ports: Any, start_envoy: START, envoy_schema: schema.Schema, short: Path) -> Any:
    @asynccontextmanager
    async def open_plane(serve: bool = True) -> AsyncIterator[Plane]:
        async with httpx.AsyncClient(base_url=ports.url, timeout=60) as client:
            plane = Plane(XdsServer(envoy_schema), ports, short, client)
            plane.publish()
            for upstream in (plane.champion, plane.challenger):
                await upstream.start()
            server = await plane.xds.serve(ports.xds_address) if serve else None
            start_envoy()
            try:
                if serve:
                    await ready(client)
                yield plane
            finally:
                for upstream in (plane.champion, plane.challenger):
                    upstream.die()
                if server:
                    await server.stop(0)

    return open_plane


async def ready(client: httpx.AsyncClient) -> None:
    patience = time.monotonic() + 60
    while True:
        try:
            if (await client.get("/models/toy/ping")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < patience, "Envoy does not answer"
        await asyncio.sleep(0.05)


def test_the_schema_comes_from_the_binary_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = schema.load(envoy_binary(), tmp_path)
    monkeypatch.setattr(schema, "extract", lambda binary: pytest.fail(f"{binary} is searched again"))
    again = schema.load(envoy_binary(), tmp_path)

    for name in ("envoy.config.cluster.v3.Cluster", "envoy.service.discovery.v3.DiscoveryResponse"):
        fields = [set(found.message(name).DESCRIPTOR.fields_by_name) for found in (first, again)]
        assert fields[0] == fields[1]
        assert len(fields[0]) > 5


def test_shares_follow_the_weights(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            for weight, low, high in ((0, 0, 0), (5, 0.003, 0.12), (25, 0.14, 0.36), (50, 0.37, 0.63), (100, 1, 1)):
                await p.publish_and_wait(weight)
                assert low <= await p.share(300) <= high, weight

    asyncio.run(scenario())


def test_weights_change_under_load_without_a_failed_request(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            async with p.load() as answers:
                for weight in (5, 50, 100, 0, 25, 100):
                    await p.publish_and_wait(weight)
                    await asyncio.sleep(0.2)
                await p.publish_and_wait(0, champion=p.challenger)  # the challenger is the champion now
                changed = time.monotonic()
                await p.until_alone("2", answers, changed)
            assert {one.status for one in answers} == {200}

    asyncio.run(scenario())


def test_a_lease_that_nobody_renews_ends(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            await p.publish_and_wait(50, TTL)
            for _ in range(6):  # renewed in time it holds for longer than it lasts
                await asyncio.sleep(TTL / 4)
                p.xds.renew()
            assert await p.share() > 0.3

            async with p.load() as answers:
                p.xds.renew()
                renewed = time.monotonic()
                await p.until_alone("1", answers, renewed)
            assert {one.status for one in answers} == {200}
            last = max(one.ended for one in answers if one.version == "2")
            assert last - renewed > TTL / 2

            p.xds.renew()  # who renews again, has it again
            await p.until_shared()
            assert await p.share() > 0.3

    asyncio.run(scenario())


CONTROL = """
import asyncio, json, sys
from pathlib import Path
from jinsu.gateway.envoy import binary as envoy_binary
from jinsu.gateway import schema
from jinsu.gateway.discovery import CLUSTER, ROUTE, RUNTIME, XdsServer

async def main():
    address, cache, clusters, routes, runtime = sys.argv[1:]
    xds = XdsServer(schema.load(envoy_binary(), Path(cache)))
    xds.publish(CLUSTER, json.loads(clusters))
    xds.publish(ROUTE, json.loads(routes))
    xds.publish(RUNTIME, json.loads(runtime), ttl=2)
    server = await xds.serve(address)  # a server that nobody holds stops
    while True:
        xds.renew()
        await asyncio.sleep(0.3)

asyncio.run(main())
"""


@pytest.fixture
def control(ports: Any, tmp_path: Path, own: object) -> Callable[[Plane], subprocess.Popen[bytes]]:
    """Starts a control plane in its own process, which asks for 50 %."""

    def start(p: Plane) -> subprocess.Popen[bytes]:
        routes = [Route("toy", p.champion.backend, p.challenger.backend, 50)]
        documents = (topology.clusters(routes), topology.routes(routes), topology.runtime(routes))
        command = [sys.executable, "-c", CONTROL, ports.xds_address, tmp_path, *map(json.dumps, documents)]
        return subprocess.Popen(command)

    return start


def test_a_killed_control_plane_gives_everything_back_to_the_champion(plane: Any, control: Any) -> None:
    async def scenario() -> None:
        async with plane(serve=False) as p:
            process = control(p)
            await ready(p.client)
            await p.until_shared()
            assert await p.share() > 0.3

            async with p.load() as answers:
                process.kill()
                killed = time.monotonic()
                await p.until_alone("1", answers, killed)
            assert {one.status for one in answers} == {200}
            last = max(one.ended for one in answers if one.version == "2")
            assert last - killed > TTL / 4, "nobody takes it back before the lease ends"

            control(p)  # its successor takes over
            await p.until_shared()
            assert await p.share() > 0.3

    asyncio.run(scenario())


def test_a_restarted_envoy_finds_everything_again(plane: Any, start_envoy: START, own: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            await p.publish_and_wait(50)
            for process in own():
                process.kill()
            start_envoy()
            await ready(p.client)
            await p.until_shared()
            assert 0.3 < await p.share() < 0.7

    asyncio.run(scenario())


def test_an_envoy_that_knows_no_routes_yet_answers_nothing_and_is_not_ready(plane: Any, control: Any) -> None:
    """While the controller is away, a restarted Envoy must not say that there is no such model: clients believe a 404."""

    async def scenario() -> None:
        async with plane(serve=False) as p, httpx.AsyncClient(base_url=p.ports.admin_url) as admin:
            answers: set[int] = set()

            async def look() -> None:
                try:
                    answers.add((await p.client.get("/models/toy/ping")).status_code)
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

            began = time.monotonic()
            while time.monotonic() < began + 14:
                await look()
            assert answers == set()
            assert (await admin.get("/ready")).status_code == 503

            control(p)
            while not answers:
                await look()
                assert time.monotonic() < began + 100
            assert answers == {200}

    asyncio.run(scenario())


class Crossing:
    """Leads each new connection to where it points at that moment, as a cluster's network does."""

    def __init__(self, target: int) -> None:
        self.target = target

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while block := await source.read(1 << 16):
                sink.write(block)
            sink.close()

        await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)


def test_a_connection_that_led_to_a_stranger_is_not_kept(plane: Any) -> None:
    """While a Service changes its pods, a connection may be answered by whoever is there: with errors, for ever."""

    async def scenario() -> None:
        stranger = grpc.aio.server()
        crossing = Crossing(stranger.add_insecure_port("127.0.0.1:0"))
        await stranger.start()
        with socket.create_server(("127.0.0.1", 0)) as free:
            own = free.getsockname()[1]
        async with plane(serve=False) as p:
            server = await p.xds.serve(f"127.0.0.1:{own}")
            door = await asyncio.start_server(crossing.serve, "127.0.0.1", p.ports.xds)
            await asyncio.sleep(1.0)
            assert not p.xds.followed()

            crossing.target = own

            await p.until(p.xds.settled)
            await ready(p.client)
            door.close()
            await server.stop(0)
        await stranger.stop(0)

    asyncio.run(scenario())


def test_a_refused_configuration_changes_nothing(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            await p.publish_and_wait(50)
            broken = topology.clusters([Route("toy", p.champion.backend)])
            broken[0]["connect_timeout"] = "-1s"
            p.xds.publish(CLUSTER, broken)
            await p.until(lambda: CLUSTER in p.xds.refused)

            assert "duration" in p.xds.refused[CLUSTER]
            assert not p.xds.settled()
            assert 0.3 < await p.share() < 0.7

            await p.publish_and_wait(0)
            assert p.xds.refused == {}
            assert await p.share() == 0

    asyncio.run(scenario())


def test_what_was_refused_is_offered_again(plane: Any) -> None:
    """A route table that Envoy refuses now may be right a moment later, when another type has arrived."""

    async def scenario() -> None:
        async with plane() as p:
            await p.publish_and_wait(100)
            alone = [Route("toy", p.champion.backend)]
            p.xds.publish(ROUTE, topology.routes(alone))  # its only version still has a weight of 0
            await p.until(lambda: ROUTE in p.xds.refused)

            p.xds.publish(RUNTIME, topology.runtime(alone), ttl=60)

            def taken() -> bool:
                p.xds.renew()  # as the release loop does
                return p.xds.refused == {} and p.xds.settled()

            await until_async(taken, 30, "Envoy to take it", every=0.1)
            assert await p.share() == 0

    asyncio.run(scenario())


def test_a_model_can_be_taken_away(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            p.xds.publish(ROUTE, topology.routes([]))
            p.xds.publish(RUNTIME, topology.runtime([]))
            await p.until(p.xds.settled)
            assert await p.ask(10) == {(404, ""): 10}

            p.xds.publish(CLUSTER, topology.clusters([]))
            await p.until(p.xds.settled)
            async with httpx.AsyncClient(base_url=p.ports.admin_url) as admin:
                assert "toy" not in (await admin.get("/clusters")).text

    asyncio.run(scenario())


def test_no_client_notices_that_the_challenger_died(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            await p.publish_and_wait(50)
            async with p.load() as answers:
                await p.until(lambda: "2" in {one.version for one in answers})
                p.challenger.die()
                died = time.monotonic()
                await asyncio.sleep(1.0)
                restarting = time.monotonic()
                await p.challenger.start()
                await p.until(lambda: "2" in {one.version for one in answers if one.begun > restarting}, 60)
            failures = Counter((one.status, one.version) for one in answers if one.status != 200)
            after = {one.version for one in answers if died < one.begun and one.ended < restarting}
            assert failures == {}, f"of {len(answers)}"
            assert after == {"1"}

    asyncio.run(scenario())


def counted(p: Plane) -> dict[str, Counters]:
    """What the one Envoy has counted of each version."""
    (counters,) = Envoys(p.ports.admin_url).read(["toy-v1", "toy-v2"]).values()
    return counters


def test_counters_are_what_was_sent(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            await p.publish_and_wait(50)
            before = counted(p)
            sent = Counter[tuple[int, str]]()
            for p.challenger.status, p.challenger.delay in ((200, 0.0), (500, 0.0), (404, 0.03)):
                sent += await p.ask(100)
            counted(p)  # Envoy gathers its histograms when it is asked, for the next answer
            await asyncio.sleep(0.5)
            after = counted(p)

            one, two = (after[name].since(before.get(name, Counters())) for name in ("toy-v1", "toy-v2"))
            bad, slow = sent[500, "2"] + sent[404, "2"], sent[404, "2"]
            assert min(bad - slow, slow) > 20
            assert (one.requests, one.errors) == (sent[200, "1"], 0)
            assert (two.requests, two.errors) == (sent[200, "2"] + bad, bad)
            assert two.latency[math.inf] == two.requests
            assert two.latency[25.0] <= two.requests - slow

    asyncio.run(scenario())


def test_latency_that_envoy_has_not_gathered_yet_is_not_good_latency(plane: Any) -> None:
    """Its histograms come one look later than its counters; until then nothing is known, and that is never a pass."""

    async def scenario() -> None:
        async with plane() as p:
            await p.publish_and_wait(50)
            counted(p)
            await p.ask(100)
            seen = counted(p)
            policy = GatePolicy(10, 0.5, 2.0, 1000.0)
            arms = Arms(seen["toy-v1"], seen["toy-v2"])
            found = findings(policy, weigh(policy, Evidence(), arms, next_share=1.0, alone=False))
            assert seen["toy-v2"].requests > 10
            timed = max(seen["toy-v2"].latency.values())
            assert timed > 10 or overall(found) is Verdict.INCONCLUSIVE, found

    asyncio.run(scenario())


def test_a_server_that_cannot_be_reached_leaves_a_trace(plane: Any) -> None:
    """Its clients are answered by the other version, so its own answers alone would not tell."""

    async def scenario() -> None:
        async with plane() as p:
            p.challenger.die()
            await p.publish_and_wait(50)
            await p.ask(100)
            challenger = counted(p)["toy-v2"]
            assert challenger.errors == challenger.requests > 10

    asyncio.run(scenario())


def test_a_body_that_is_too_long_is_refused(plane: Any) -> None:
    async def scenario() -> None:
        async with plane() as p:
            post = {"method": "POST", "url": "/models/toy/invocations"}

            async def chunks() -> AsyncIterator[bytes]:
                for _ in range(MAX_BODY // (1 << 20) + 1):
                    yield b"x" * (1 << 20)

            fits = await p.client.request(**post, content=b"x" * MAX_BODY)
            assert (fits.status_code, fits.text.strip()) == (200, str(MAX_BODY))
            p.champion.heard = b""
            for content in (b"x" * (MAX_BODY + 1), chunks()):
                assert (await p.client.request(**post, content=content)).status_code == 413
            assert p.champion.heard == b""

    asyncio.run(scenario())


def test_envoy_s_own_answers_are_json_as_a_model_server_s_are(plane: Any) -> None:
    """Such as while the only server of a model is replaced. Clients read the fields that MLflow's read."""

    async def scenario() -> None:
        async with plane() as p:
            p.champion.die()
            p.challenger.die()
            unserved = await p.client.post("/models/toy/invocations", content=b"{}")
            unknown = await p.client.post("/models/other/invocations", content=b"{}")
            long = await p.client.post("/models/toy/invocations", content=b"x" * (MAX_BODY + 1))
            bad = await p.client.get("/models/toy%2Fping")
        for answer, status, code, word in (
            (unserved, 503, "TEMPORARILY_UNAVAILABLE", "ask again"),
            (unknown, 404, "RESOURCE_DOES_NOT_EXIST", "/models/NAME/invocations"),
            (long, 413, "BAD_REQUEST", "fewer rows"),
            (bad, 400, "BAD_REQUEST", ""),
        ):
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"
            said = answer.json()
            assert said.keys() == {"error_code", "message"}
            assert said["error_code"] == code
            assert word in said["message"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "header",
    [
        {"x-envoy-upstream-rq-timeout-ms": "1"},
        {"x-envoy-expected-rq-timeout-ms": "1"},
        {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "10"},
        {"x-envoy-upstream-alt-stat-name": "forged"},
        {"x-envoy-hedge-on-per-try-timeout": "true", "x-envoy-upstream-rq-per-try-timeout-ms": "1"},
    ],
    ids=lambda header: next(iter(header)),
)
def test_no_client_steers_envoy(plane: Any, header: dict[str, str]) -> None:
    async def scenario() -> None:
        async with plane() as p:
            p.champion.delay, p.champion.status = 0.05, 503
            assert await p.ask(3, headers={**header, "x-forwarded-for": "127.0.0.1"}) == {(503, "1"): 3}
            assert not any(name.encode() in p.champion.heard for name in header)
            async with httpx.AsyncClient(base_url=p.ports.admin_url) as admin:
                statistics = (await admin.get("/stats?filter=toy-v1")).text
            assert "cluster.toy-v1.upstream_rq_503: 3\n" in statistics
            assert "forged" not in statistics

    asyncio.run(scenario())
