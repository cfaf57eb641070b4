"""The release loop, for real: a database, Envoy, and model servers answering with toy ONNX models under load."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper, save
from sqlalchemy import select
from tests.support.waiting import until_async

from jinsu.controller import loop, model_servers
from jinsu.controller.changes import Changes
from jinsu.controller.loop import Controller
from jinsu.controller.pacing import Pace, steady
from jinsu.controller.routing import LEASE_SECONDS
from jinsu.gateway.backend import Backend
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.statistics import Envoys
from jinsu.packaging.contents import SealedPackage
from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.runs.rollouts import state_of
from jinsu.state.database import Database
from jinsu.state.fence import Fence
from jinsu.state.tables import Candidate, Endpoint, LedgerEntry, Rollout, Submission

MODEL = "toy"
SLOW = GatePolicy(10, 0.1, 2.0, 10.0)  # more than 10 ms, and more than twice the champion's
POLICY = Policy((20, 50), 0.8, 60.0, GatePolicy(10, 0.1, 2.0, 1000.0), ready_deadline=90.0)


class Servers:
    """The smallest Deployer: one subprocess a version. One that died stays dead until it is retired."""

    def __init__(self, sockets: Path, steps: Path) -> None:
        self._sockets, self._steps, self.processes = sockets, steps, dict[str, subprocess.Popen[bytes]]()

    def deploy(self, model: str, version: str, package: SealedPackage) -> Backend:
        backend = Backend(model, version, str(self._sockets / f"v{version}"))
        if backend.name not in self.processes:
            names = ("--name", model, "--version", version, "--socket", backend.address)
            command = [sys.executable, "-m", "jinsu.serving.server", str(self._steps / package.run_key / "out"), *names]
            self.processes[backend.name] = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        return backend

    def retire(self, backend: Backend) -> None:
        if process := self.processes.pop(backend.name, None):
            process.terminate()
            process.wait(15)

    def deployed(self) -> set[str]:
        return set(self.processes)

    def kill(self, *versions: str) -> None:
        for version in versions:
            self.processes[f"{MODEL}-v{version}"].kill()
            self.processes[f"{MODEL}-v{version}"].wait(60)

    def lost(self) -> None:
        """As after a reboot: every process is gone, and nobody remembers them."""
        for process in self.processes.values():
            process.kill()
            process.wait(60)
        self.processes.clear()


# |x|; the logarithm of a negative number; and |x| after 20 million sines that nobody asked for.
GRAPHS: dict[str, list[Any]] = {
    "good": [helper.make_node("Abs", ["x"], ["y"])],
    "nan": [helper.make_node("Log", ["x"], ["y"])],
    "slow": [
        helper.make_node("Constant", [], ["many"], value_ints=[20_000_000]),
        helper.make_node("ConstantOfShape", ["many"], ["zeros"]),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Add", ["zeros", "sum"], ["sums"]),
        helper.make_node("Sin", ["sums"], ["sines"]),
        helper.make_node("ReduceMax", ["sines"], ["largest"], keepdims=0),
        helper.make_node("Sub", ["largest", "largest"], ["nothing"]),
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node("Add", ["size", "nothing"], ["y"]),
    ],
}


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Steps whose outputs are models; `broken` has none."""
    steps = tmp_path_factory.mktemp("steps")
    for name, nodes in GRAPHS.items():
        out = steps / name / "out"
        out.mkdir(parents=True)
        tensors = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", 2]) for end in ("x", "y")]
        graph = helper.make_graph(nodes, name, tensors[:1], tensors[1:])
        save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]), out / "model.onnx")
        tensor = {"dtype": "float32", "shape": [-1, 2]}
        manifest = {"format": 1, "framework": "toy", "input": tensor, "output": tensor, "labels": None, "other": None}
        (out / "model.json").write_text(json.dumps(manifest))
    (steps / "broken" / "out").mkdir(parents=True)
    return steps


class World:
    """One installation: what the database says, what runs, and clients that never rest."""

    def __init__(self, folder: Path, sockets: Path, steps: Path, ports: Any, schema: Any) -> None:
        self.database, self.servers = Database(f"sqlite:///{folder / 'jinsu.db'}"), Servers(sockets, steps)
        self.database.migrate()
        self.ports, self.schema = ports, schema
        self.answers: list[tuple[int, str]] = []
        self.changes = Changes()

    def champion(self, version: str, package: str = "good") -> None:
        self._candidate(version, package)
        self.promote(version)

    def promote(self, version: str) -> None:
        with self.database.begin() as session:
            session.merge(Endpoint(model=MODEL, champion=version, updated=time.time()))

    def rollout(self, version: str, package: str = "good", state: State | None = None, **policy: Any) -> None:
        self._candidate(version, package)
        state = state or State(challenger=version, champion="1")
        with self.database.begin() as session:
            session.add(
                Rollout(
                    submission=f"s{version}",
                    model=MODEL,
                    challenger=version,
                    policy=asdict(replace(POLICY, **policy)),
                    state=asdict(state),
                    phase=state.phase,
                    command="",
                    created=time.time(),
                    updated=time.time(),
                )
            )

    def _candidate(self, version: str, package: str) -> None:
        name, now = f"s{version}", time.time()
        common = {"submitter": "ann", "team": "default", "spec": {}, "problem": MODEL, "rules": {}, "code_digest": "c"}
        with self.database.begin() as session:
            session.add(
                Submission(
                    id=name, idempotency_key=name, model=MODEL, dataset="d@1", state="running", created=now, **common
                )
            )
            session.flush()
            candidate = {"package": package, "model": MODEL, "version": version}
            session.add(Candidate(submission=name, ready=True, **candidate))

    def command(self, version: str, command: str) -> None:
        with self.database.begin() as session:
            session.get_one(Rollout, f"s{version}").command = command

    def state(self, version: str) -> State:
        with self.database.begin() as session:
            return state_of(session.get_one(Rollout, f"s{version}"))

    def states(self) -> list[tuple[str, str, str]]:
        with self.database.begin() as session:
            return [(row.challenger, row.phase, row.state["reason"]) for row in session.scalars(select(Rollout))]

    def ledger(self) -> list[tuple[str, str]]:
        with self.database.begin() as session:
            return [(row.event, row.version) for row in session.scalars(select(LedgerEntry))]

    @asynccontextmanager
    async def controlled(self, kind: type[Controller] = Controller) -> AsyncIterator[asyncio.Task[None]]:
        """A controller at work, started as the platform starts it. Leaving the block is its sudden death."""
        xds = XdsServer(self.schema)
        controller = kind(Fence.take(self.database.url, "test"), self.servers, xds, Envoys(self.ports.admin_url))
        await asyncio.to_thread(controller.adopt)
        await controller.step()
        server = await xds.serve(self.ports.xds_address)
        task = asyncio.create_task(controller.run(self.changes))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])
            await server.stop(0)

    @asynccontextmanager
    async def clients(self) -> AsyncIterator[None]:
        """Two clients at work from the first good answer on."""

        async def work(client: httpx.AsyncClient) -> None:
            while True:
                status, version = await ask(client)
                if status == 200 or self.answers:
                    self.answers.append((status, version))
                await asyncio.sleep(0.01)

        async with httpx.AsyncClient(base_url=self.ports.url, timeout=12) as client:
            tasks = [asyncio.create_task(work(client)) for _ in range(2)]
            try:
                await self.until(lambda: self.answers)
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def until(self, look: Callable[[], Any], within: float = 90.0) -> None:
        def what() -> str:
            return str([self.answers[-3:], self.servers.deployed(), self.states()])

        await until_async(lambda: asyncio.to_thread(look), within, what, every=0.05)

    async def until_phase(self, version: str, *phases: Phase) -> State:
        await self.until(lambda: self.state(version).phase in phases)
        return self.state(version)

    async def share(self, version: str, last: int = 40) -> float:
        """The version's share of the next answers, once what was decided has reached Envoy."""
        await asyncio.sleep(1.0)
        seen = len(self.answers)
        await self.until(lambda: len(self.answers) > seen + last)
        return sum(answered == version for _, answered in self.answers[seen:]) / (len(self.answers) - seen)


async def ask(client: httpx.AsyncClient) -> tuple[int, str]:
    try:
        answer = await client.post(f"/models/{MODEL}/invocations", json={"inputs": [[-1.0, 2.0]]})
    except httpx.TransportError:
        return 0, ""
    if answer.is_success:
        assert np.array_equal(answer.json()["predictions"], [[1.0, 2.0]])
    return answer.status_code, answer.headers.get("x-jinsu-version", "")


@pytest.fixture
def world(
    tmp_path: Path,
    short: Path,
    packages: Path,
    ports: Any,
    envoy_schema: Any,
    start_envoy: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[World]:
    monkeypatch.setattr(loop, "PACE", steady(0.2))
    monkeypatch.setattr(model_servers, "LINGER_SECONDS", 1.0)
    built = World(tmp_path, short, packages, ports, envoy_schema)
    built.champion("1")
    start_envoy()
    yield built
    built.servers.lost()
    complaints = [record.getMessage() for record in caplog.get_records("call") if record.name.startswith("jinsu")]
    assert [text for text in complaints if "Envoy refuses" in text or "loop failed" in text] == []


def test_a_good_challenger_is_promoted_and_no_client_notices(world: World) -> None:
    async def scenario() -> None:
        async with world.controlled(), world.clients():
            world.rollout("2")
            state = await world.until_phase("2", Phase.PROMOTING)
            assert (state.step, state.reason) == (1, "all steps passed")
            assert 0.75 < await world.share("2", last=300) < 0.99, "the champion keeps its control share"
            assert world.servers.deployed() == {"toy-v1", "toy-v2"}  # it could still be taken back

            world.promote("2")
            await world.until_phase("2", Phase.PROMOTED)
            await world.until(lambda: world.servers.deployed() == {"toy-v2"})
            assert await world.share("2") == 1
        assert {status for status, _ in world.answers} == {200}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("package", "reason"), [("nan", "100.0% of"), ("slow", "latency over"), ("broken", "not ready after 2 s")]
)
def test_a_bad_challenger_is_taken_back_and_its_server_freed(world: World, package: str, reason: str) -> None:
    async def scenario() -> None:
        async with world.controlled(), world.clients():
            gates = SLOW if package == "slow" else POLICY.gates
            world.rollout("2", package, ready_deadline=2.0 if package == "broken" else 90.0, gates=gates)
            state = await world.until_phase("2", Phase.REVERTED, Phase.PROMOTING)
            assert reason in state.reason
            assert await world.share("1") == 1
            await world.until(lambda: world.servers.deployed() == {"toy-v1"})
        assert world.ledger() == [("reverted", "2")]
        assert {status for status, version in world.answers if version == "1"} == {200}
        assert ("2" in {version for _, version in world.answers}) == (package != "broken")

    asyncio.run(scenario())


def test_a_challenger_that_dies_is_taken_back_and_no_client_notices(world: World) -> None:
    async def scenario() -> None:
        async with world.controlled(), world.clients():
            world.rollout("2", deadline=10.0, every=60.0)
            await world.until(lambda: (200, "2") in world.answers)
            await asyncio.to_thread(world.servers.kill, "2")
            state = await world.until_phase("2", Phase.REVERTED, Phase.HALTED)
            assert state.phase is Phase.REVERTED, state.reason
            await world.until(lambda: world.servers.deployed() == {"toy-v1"})
        assert {status for status, _ in world.answers} == {200}

    asyncio.run(scenario())


def test_a_newer_challenger_takes_the_place_of_an_older_one(world: World) -> None:
    async def scenario() -> None:
        async with world.controlled(), world.clients():
            world.rollout("2", every=60.0, deadline=120.0)
            await world.until_phase("2", Phase.STEPPING)
            world.rollout("3")
            await world.until_phase("2", Phase.SUPERSEDED)
            await world.until_phase("3", Phase.PROMOTING)
            await world.until(lambda: world.servers.deployed() == {"toy-v1", "toy-v3"})
        assert {status for status, _ in world.answers} == {200}

    asyncio.run(scenario())


@pytest.mark.parametrize("phase", [Phase.STEPPING, Phase.PROMOTING])
def test_a_person_may_stop_it(world: World, phase: Phase) -> None:
    async def scenario() -> None:
        async with world.controlled(), world.clients():
            world.rollout("2", every=60.0 if phase is Phase.STEPPING else 0.3, deadline=120.0)
            await world.until_phase("2", phase)
            world.command("2", "abort:bob: looks wrong")
            state = await world.until_phase("2", Phase.REVERTED)
            assert state.reason == "bob: looks wrong"
            assert await world.share("1") == 1
            await world.until(lambda: world.servers.deployed() == {"toy-v1"})
        assert {status for status, _ in world.answers} == {200}

    asyncio.run(scenario())


class Crash(BaseException):
    """The process is gone."""


def crashing_on(*phases: Phase) -> type[Controller]:
    class Crashing(Controller):
        """Dies after what it decided was applied, before that is written down."""

        def _persist(self, decisions: Any) -> None:
            if any(decision.state.phase in phases for decision in decisions):
                raise Crash
            super()._persist(decisions)

    return Crashing


@pytest.mark.parametrize(("package", "end"), [("good", Phase.PROMOTING), ("nan", Phase.REVERTED)])
def test_a_crash_before_the_state_is_written_changes_nothing(world: World, package: str, end: Phase) -> None:
    async def scenario() -> None:
        async with world.controlled(crashing_on(end)) as task:
            async with world.clients():
                world.rollout("2", package)
                with contextlib.suppress(Crash):
                    await task
                assert task.done()
            assert world.state("2").phase is Phase.STEPPING
            assert world.ledger() == []

        world.answers.clear()
        async with world.controlled(), world.clients():
            await world.until_phase("2", end)
            share = await world.share("2", last=100)
            assert share > 0.7 if end is Phase.PROMOTING else share == 0
        assert world.ledger() == ([] if end is Phase.PROMOTING else [("reverted", "2")])

    asyncio.run(scenario())


@pytest.mark.parametrize("phase", [Phase.STEPPING, Phase.PROMOTING])
def test_a_rollout_survives_a_reboot(world: World, phase: Phase) -> None:
    """Every server is started anew, and the clock has passed every deadline: that is nobody's fault."""

    async def scenario() -> None:
        past = State(challenger="2", champion="1", phase=phase, step=1, percent=50, since=time.time() - 3600)
        world.rollout("2", state=past, deadline=15.0)
        async with world.controlled(), world.clients():
            await world.until(lambda: world.state("2") != past)
            state = await world.until_phase("2", Phase.PROMOTING, Phase.REVERTED, Phase.HALTED)
            assert state.phase is Phase.PROMOTING, state.reason
            await asyncio.sleep(0.5)
            assert world.state("2").phase is Phase.PROMOTING
        assert {status for status, _ in world.answers} == {200}

    asyncio.run(scenario())


def test_a_controller_at_rest_carries_out_a_change_at_once_and_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing looks again for a minute, unless a change is announced or one is under way."""
    monkeypatch.setattr(loop, "PACE", Pace(0.2, 60.0, ("endpoints", "rollouts")))

    async def scenario() -> None:
        async with world.controlled(), world.clients():
            await asyncio.sleep(1.0)  # it rests
            world.rollout("2")
            world.changes.announce({"rollouts"})
            await world.until_phase("2", Phase.PROMOTING)
            world.promote("2")
            world.changes.announce({"endpoints"})
            await world.until_phase("2", Phase.PROMOTED)

            await asyncio.sleep(1.0)
            world.champion("3")  # by hand: its server is started now, and takes a while to answer
            world.changes.announce({"endpoints"})
            await world.until(lambda: world.answers[-1] == (200, "3"))
            assert await world.share("3") == 1
        assert {status for status, _ in world.answers} == {200}

    asyncio.run(scenario())


def test_a_lease_is_renewed_at_rest_too() -> None:
    assert 2 * loop.PACE.idle < LEASE_SECONDS, "one pass may be late"
    assert set(loop.PACE.tables) == {"endpoints", "rollouts"}
