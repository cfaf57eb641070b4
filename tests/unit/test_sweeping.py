"""What the sweeper removes from Kubernetes and brings back, with a Kubernetes that only remembers."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jinsu.clients.kubernetes import Kind
from jinsu.controller.sweeper import CHECKPOINT_SECONDS, Sweeper
from jinsu.deployers.manifests import BACKEND
from jinsu.launchers.job import KEY_LABEL, RUN_LABEL
from jinsu.packaging.contents import SealedPackage
from jinsu.placement.kubernetes import Cluster, Servers
from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.settings import Kubernetes
from jinsu.state.database import Database, engine
from jinsu.state.tables import Base, Candidate, Endpoint, Rollout, StageRecord, Submission
from jinsu.steps import status

SERVERS = Servers("image", "jinsu", "catalog", "store", "keys", {})
CLUSTER = Cluster({"a": "team-a", "b": "team-a"}, "t", "r", platform_namespace="platform-steps")
KUBERNETES = Kubernetes("jinsu", "catalog", "", "", CLUSTER, SERVERS)
POLICY = Policy((5, 50), 60.0, 600.0, GatePolicy(50, 0.02, 2.0, 100.0))


def created(age: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age))


class Remembered:
    """Kubernetes, a deployer, a launcher and a store, as far as the sweeper asks them."""

    def __init__(self) -> None:
        self.objects: dict[Kind, list[dict[str, Any]]] = {Kind.JOB: [], Kind.DEPLOYMENT: []}
        self.removed: list[str] = []
        self.deployed: dict[str, SealedPackage] = {}
        self.phases: dict[str, status.Phase] = {}
        self.store = SimpleNamespace(delete=self.removed.append)

    def job(self, key: str, age: float = 1000, namespace: str = "team-a", run: str = "run") -> None:
        labels = {KEY_LABEL: key[:63], **({RUN_LABEL: run} if run else {})}
        metadata = {
            "name": f"step-{key}",
            "labels": labels,
            "creationTimestamp": created(age),
            "namespace": namespace,
        }
        self.objects[Kind.JOB].append({"metadata": metadata})

    def server(self, name: str, age: float = 1000) -> None:
        metadata = {"annotations": {BACKEND: name}, "creationTimestamp": created(age)}
        self.objects[Kind.DEPLOYMENT].append({"metadata": metadata})

    def list(self, kind: Kind, namespace: str, labels: str = "") -> list[dict[str, Any]]:
        assert "app.kubernetes.io/instance=jinsu" in labels
        if kind is Kind.DEPLOYMENT:
            assert namespace == "jinsu"
            return self.objects[kind]
        wanted = [part for part in labels.split(",") if "=" not in part]
        found = [one["metadata"] for one in self.objects[kind] if one["metadata"]["namespace"] == namespace]
        return [{"metadata": one} for one in found if all(label in one["labels"] for label in wanted)]

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        assert kind is not Kind.JOB or namespace == next(
            one["metadata"]["namespace"] for one in self.objects[kind] if one["metadata"]["name"] == name
        )
        self.removed.append(name)

    def deploy(self, model: str, version: str, package: SealedPackage) -> None:
        self.deployed[f"{model}-v{version}"] = package

    def remove(self, name: str) -> None:
        self.removed.append(name)

    def status(self, key: str) -> Any:
        return SimpleNamespace(phase=self.phases[key])


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'jinsu.db'}")
    Base.metadata.create_all(engine(database.url))
    return database


def add_run(database: Database, key: str, *, ended: float | None = None, version: str = "", stage: str = "") -> None:
    """A run whose training has this run key, and whose candidate became this version. stage: state of the training."""
    run = key[:8]
    with database.begin() as session:
        session.add(
            Submission(
                id=run, submitter="ann", idempotency_key=key, model="toy", team="a", spec={}, problem="toy", rules={}, code_digest="c",
                dataset="d@1", state="running", created=0.0, ended=ended,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            StageRecord(
                submission=run, name="train", trial=0, state=stage or "running", started=0.0, ended=ended, output={},
                run_key=key,
            )
        )  # fmt: skip
        if version:
            session.add(Candidate(submission=run, package=f"package-{version}", model="toy", version=version))


def add_rollout(database: Database, run: str, challenger: str, phase: Phase) -> None:
    state = State(challenger, "1", phase)
    with database.begin() as session:
        session.add(
            Rollout(
                submission=run, model="toy", challenger=challenger, policy=asdict(POLICY), state=asdict(state), phase=phase,
                command="", created=0.0, updated=0.0,
            )
        )  # fmt: skip


def sweep(database: Database, kept: Any, in_use: Callable[[], set[str]] = set) -> Remembered:
    remembered: Remembered = kept
    Sweeper(database, kept, kept, kept, KUBERNETES, kept, in_use, young=300.0).sweep()
    return remembered


def test_jobs_of_no_open_run_are_removed_when_they_are_not_young(database: Database) -> None:
    add_run(database, "a" * 64)
    add_run(database, "b" * 64, ended=time.time())
    kept = Remembered()
    for key in ("a" * 64, "b" * 64, "c" * 64):
        kept.job(key)
    kept.job("d" * 64, age=100)
    assert sweep(database, kept).removed == [f"step-{'b' * 64}", f"step-{'c' * 64}"]


def test_jobs_of_the_platform_s_own_steps_are_removed_with_their_run(database: Database) -> None:
    """Those that a request to the API waits for belong to no run; they end by themselves."""
    add_run(database, "a" * 64)
    add_run(database, "b" * 64, ended=time.time())
    kept = Remembered()
    for key in ("a" * 64, "b" * 64, "c" * 64):
        kept.job(key, namespace="platform-steps")
    kept.job("d" * 64, namespace="platform-steps", run="")
    assert sweep(database, kept).removed == [f"step-{'b' * 64}", f"step-{'c' * 64}"]


def test_servers_of_champions_challengers_and_routes_stay(database: Database) -> None:
    for version, phase in (("2", Phase.STEPPING), ("3", Phase.REVERTED)):
        add_run(database, version * 64, version=version)
        add_rollout(database, version * 8, version, phase)
    add_run(database, "1" * 64, version="1")
    with database.begin() as session:
        session.add(Endpoint(model="toy", champion="1", updated=0.0))
    kept = Remembered()
    for version in "1234":
        kept.server(f"toy-v{version}")
    kept.server("toy-v5", age=100)
    kept.server("made-by-hand")

    sweep(database, kept, lambda: {"toy-v4"})

    assert kept.removed == ["toy-v3", "made-by-hand"]
    assert kept.deployed == {"toy-v1": SealedPackage("package-1"), "toy-v2": SealedPackage("package-2")}


def test_checkpoints_go_long_after_their_training_is_done(database: Database) -> None:
    long_ago = time.time() - CHECKPOINT_SECONDS - 60
    for key, ended, state in (
        ("a" * 64, long_ago, "done"),
        ("b" * 64, time.time() - 60, "done"),
        ("c" * 64, long_ago, "failed"),
        ("d" * 64, long_ago, "done"),
    ):
        add_run(database, key, ended=ended, stage=state)
    kept = Remembered()
    kept.phases = {"a" * 64: status.Phase.DONE, "d" * 64: status.Phase.RUNNING}  # another run trains the last one anew
    assert sweep(database, kept).removed == [f"work/{'a' * 64}/checkpoints"]
