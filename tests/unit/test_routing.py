"""Routes that follow from champions and rollouts, and the servers behind them."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from jinsu.controller import model_servers
from jinsu.controller.model_servers import ModelServers
from jinsu.controller.rollout_records import Decision, OpenRollout
from jinsu.controller.routing import Router
from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway.backend import Backend
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.topology import Route
from jinsu.packaging.contents import SealedPackage
from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.state.database import Database, engine
from jinsu.state.tables import Base, Candidate, Submission

POLICY = Policy((5, 50), 60.0, 600.0, GatePolicy(50, 0.02, 2.0, 100.0))
ONE, TWO, THREE = (Backend("toy", version, f"/run/m/toy-v{version}") for version in "123")


class RecordingDeployer:
    """Starts nothing; remembers which run key each server would answer from."""

    def __init__(self) -> None:
        self.run_keys: dict[str, str] = {}

    def deploy(self, model: str, version: str, package: SealedPackage) -> Backend:
        backend = Backend(model, version)
        self.run_keys[backend.name] = package.run_key
        return backend.at(f"/run/m/{backend.name}")

    def retire(self, backend: Backend) -> None:
        del self.run_keys[backend.name]

    def deployed(self) -> set[str]:
        return set(self.run_keys)


class Readiness:
    """A probe that asks nobody: `ready_names` are the backends that are ready."""

    def __init__(self) -> None:
        self.ready_names = {"toy-v1", "toy-v2", "toy-v3"}

    def ready(self, backend: Backend) -> bool:
        return backend.name in self.ready_names


class PublishedResources:
    """A discovery server without a gateway."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.resources: dict[str, list[dict[str, object]]] = {}

    def publish(self, kind: str, items: list[dict[str, object]], ttl: float | None = None) -> None:
        self.order.append(kind.rpartition(".")[2])
        self.resources[self.order[-1]] = items

    def names(self) -> list[object]:
        return [item["name"] for item in self.resources["Cluster"]]


class Bench:
    """Model servers and a router on a database that knows the versions 1 to 3 of `toy`."""

    def __init__(self, database: Database) -> None:
        self.deployer, self.probe, self.published = RecordingDeployer(), Readiness(), PublishedResources()
        self.servers = ModelServers(database, self.deployer)
        self.router = Router(
            self.servers, cast(ServerProbe, self.probe), cast(XdsServer, self.published), server_key=""
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    database = Database(f"sqlite:///{tmp_path / 'jinsu.db'}")
    Base.metadata.create_all(engine(database.url))
    with database.begin() as session:
        for version in "123":
            session.add(
                Submission(
                    id=version, submitter="ann", idempotency_key=version, model="toy", team="default", spec={},
                    problem="toy", rules={}, code_digest="c", dataset="d@1", state="running", created=0.0,
                )
            )  # fmt: skip
            session.flush()
            session.add(Candidate(submission=version, package=f"key-{version}", model="toy", version=version))
    return Bench(database)


def decided(phase: Phase, challenger: str = "2", percent: int = 0) -> Decision:
    state = State(challenger, "1", phase, percent=percent)
    return Decision(OpenRollout(f"run-{challenger}", "toy", POLICY, State(challenger, "1"), None, 1), state)


def test_a_champion_is_deployed_from_its_package_and_routed_to(bench: Bench) -> None:
    assert bench.router.routes({"toy": "1"}, []) == [Route("toy", ONE)]
    assert bench.deployer.run_keys == {"toy-v1": "key-1"}
    assert bench.router.serving() == {"toy-v1"}


def test_a_champion_of_unknown_origin_is_not_routed_to(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    assert bench.router.routes({"other": "9", "toy": "1"}, []) == [Route("toy", ONE)]
    assert "other v9: its package is not known" in caplog.text


@pytest.mark.parametrize(
    ("decision", "share"),
    [
        (decided(Phase.DEPLOYING), 0),
        (decided(Phase.STEPPING, percent=5), 5),
        (decided(Phase.HALTED, percent=50), 50),
        (decided(Phase.HALTED, percent=100), 90),
        (decided(Phase.PROMOTING), 90),
    ],
    ids=["deploying", "stepping", "halted", "halted while promoting", "promoting"],
)
def test_a_challenger_gets_what_its_rollout_says(bench: Bench, decision: Decision, share: int) -> None:
    bench.servers.deploy("toy", "2")
    assert bench.router.routes({"toy": "1"}, [decision]) == [Route("toy", ONE, TWO, share)]


@pytest.mark.parametrize("phase", [Phase.PROMOTED, Phase.REVERTED, Phase.SUPERSEDED])
def test_a_rollout_that_is_over_has_no_route(bench: Bench, phase: Phase) -> None:
    bench.servers.deploy("toy", "2")
    assert bench.router.routes({"toy": "1"}, [decided(phase)]) == [Route("toy", ONE)]


def test_of_two_challengers_the_one_that_was_not_superseded_is_routed_to(bench: Bench) -> None:
    for version in "23":
        bench.servers.deploy("toy", version)
    decisions = [decided(Phase.SUPERSEDED, "2"), decided(Phase.STEPPING, "3", 5)]
    assert bench.router.routes({"toy": "1"}, decisions) == [Route("toy", ONE, THREE, 5)]


def test_a_champion_answers_until_its_successor_does(bench: Bench) -> None:
    bench.router.routes({"toy": "1"}, [])
    bench.probe.ready_names = {"toy-v1"}
    assert bench.router.routes({"toy": "2"}, []) == [Route("toy", ONE)]
    assert bench.router.serving() == {"toy-v1"}

    bench.probe.ready_names = {"toy-v2"}
    assert bench.router.routes({"toy": "2"}, []) == [Route("toy", TWO)]
    assert bench.router.routes({"toy": "2"}, []) == [Route("toy", TWO)]
    assert bench.router.serving() == {"toy-v2"}


def test_weights_are_published_before_the_routes_that_need_them(bench: Bench) -> None:
    bench.router.publish([Route("toy", ONE, TWO, 5)])
    assert bench.published.order == ["Cluster", "Runtime", "RouteConfiguration"]
    assert bench.published.names() == ["toy-v1", "toy-v2"]


def test_a_server_outlives_its_last_route_and_is_retired_then(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(model_servers, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    for version in "12":
        bench.servers.deploy("toy", version)
    bench.router.publish([Route("toy", ONE, TWO, 5)])

    clock[0] += 5.9
    bench.router.publish([Route("toy", ONE)])
    bench.servers.retire(clock[0])
    assert bench.published.names() == ["toy-v1", "toy-v2"]

    clock[0] += 0.9  # Envoy is not shown it any more, and may still be at work with it
    bench.router.publish([Route("toy", ONE)])
    bench.servers.retire(clock[0])
    assert bench.published.names() == ["toy-v1"]
    assert bench.deployer.deployed() == {"toy-v1", "toy-v2"}

    clock[0] += 0.3
    bench.servers.retire(clock[0])
    assert bench.deployer.deployed() == {"toy-v1"}
    assert bench.servers.names() == {"toy-v1"}
    assert bench.servers.find("toy", "2") is None


def test_the_server_of_a_first_version_that_was_taken_back_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model without a champion has no route, so that no route ever named its first challenger."""
    clock = [100.0]
    monkeypatch.setattr(model_servers, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    for _ in range(10):  # as long as its rollout is open, each pass asks for it
        bench.servers.deploy("toy", "1")
        bench.servers.retire(clock[0])
        clock[0] += 1.0
    assert bench.deployer.deployed() == {"toy-v1"}

    clock[0] += 8.0
    bench.servers.retire(clock[0])
    assert bench.deployer.deployed() == set()


def test_a_controller_that_was_paused_within_a_pass_ends_no_server(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The champion's server was no longer needed, by the clock, when the process went on."""
    clock = [100.0]
    monkeypatch.setattr(model_servers, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    begun = clock[0]
    bench.router.publish(bench.router.routes({"toy": "1"}, []))
    clock[0] += 60.0
    bench.servers.retire(begun)
    assert bench.deployer.deployed() == {"toy-v1"}


def test_what_a_predecessor_left_running_is_adopted(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.deployer.run_keys = {"toy-v1": "key-1", "toy-v9": "?", "made-by-hand": "?"}
    assert bench.servers.adopt(10.0) == {"toy-v1", "toy-v9", "made-by-hand"}
    assert bench.servers.names() == {"toy-v1"}
    assert bench.servers.find("toy", "1") == ONE
    assert "'made-by-hand' names no backend" in caplog.text
