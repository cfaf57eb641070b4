"""What nobody owns is removed, and what somebody owns comes back: the database on one side, a real cluster on the other."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client
from tests.cluster.harness.store import TrialStore
from tests.support.waiting import until

from jinsu.clients.kubernetes import Kind, Kube
from jinsu.controller.sweeper import Sweeper
from jinsu.deployers.kubernetes_deployer import KubernetesDeployer
from jinsu.deployers.manifests import deployment, service
from jinsu.gateway.backend import Backend
from jinsu.installation import Installation
from jinsu.launchers.job import job
from jinsu.packaging.contents import SealedPackage
from jinsu.placement.kubernetes import Cluster, Servers
from jinsu.settings import Account, Kubernetes, Settings
from jinsu.state.tables import Candidate, Endpoint, StageRecord, Submission
from jinsu.steps.record import Attempt
from jinsu.steps.spec import Limits, StepSpec


@pytest.fixture
def place(api: client.ApiClient) -> Iterator[str]:
    name, core = f"sweep-{uuid4().hex[:8]}", client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": name}})
    core.create_namespaced_config_map(name, {"metadata": {"name": "catalog"}})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def platform(place: str, kubeconfig: Path, store: TrialStore, tmp_path: Path) -> Installation:
    servers = Servers(
        "localhost/none:1", place, "catalog", "store", "keys", {}, replicas=0, pull_policy="Never"
    )  # no pod is needed to be swept
    cluster = Cluster({"default": place}, "localhost/none:1", "localhost/none:1", release=place)
    account = Account("a", "b")
    settings = Settings(
        str(tmp_path), str(tmp_path), f"sqlite:///{tmp_path}/jinsu.db", "", "", "", "", "", 0, account,
        "", "", "", "", "", "", object_store=store.settings,
        kubernetes=Kubernetes(place, "catalog", "", "", cluster, servers),
    )  # fmt: skip
    opened = Installation(settings)
    opened.__dict__["kube"] = Kube(str(kubeconfig))
    opened.database.migrate()
    return opened


@pytest.fixture
def deployer(platform: Installation, place: str) -> KubernetesDeployer:
    assert platform.settings.kubernetes is not None
    return KubernetesDeployer(platform.kube, place, platform.settings.kubernetes.servers)


def sweeper(
    platform: Installation, deployer: KubernetesDeployer, in_use: Callable[[], set[str]], young: float
) -> Sweeper:
    kubernetes = platform.settings.kubernetes
    return platform.build(Sweeper, kubernetes=kubernetes, deployer=deployer, in_use=in_use, young=young)


def step(platform: Installation, key: str) -> None:
    """A Job without a pod."""
    assert platform.settings.kubernetes is not None
    cluster, limits = platform.settings.kubernetes.steps, Limits(2**28, 60.0, cpu=0.1)
    spec = StepSpec("train", "localhost/none:1", ("true",), {}, limits, (), f"steps/{key}", key, {"team": "default"})
    namespace = cluster.namespaces["default"]
    body = job(spec, cluster, Attempt("attempt", namespace))
    body["spec"]["parallelism"] = 0
    platform.kube.create(Kind.JOB, namespace, body)


def names(platform: Installation, kind: Kind, place: str) -> list[str]:
    return [
        one["metadata"]["name"]
        for one in platform.kube.list(kind, place)
        if not one["metadata"].get("deletionTimestamp")
    ]


def run(platform: Installation, key: str, ended: float | None) -> None:
    fields: dict[str, Any] = {
        "model": "m",
        "team": "default",
        "spec": {},
        "code_digest": "",
        "dataset": "",
        "reason": "",
    }
    with platform.database.begin() as session:
        session.add(
            Submission(
                id=key[:8], submitter="a", idempotency_key=key, state="running", created=time.time(), ended=ended,
                dag_run=None, experiment=None, mlflow_run=None, problem="m", rules={}, **fields,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            StageRecord(
                submission=key[:8],
                name="train",
                trial=0,
                state="running",
                detail="",
                started=0.0,
                output={},
                run_key=key,
            )
        )


def test_jobs_of_no_open_run_are_removed(platform: Installation, deployer: KubernetesDeployer, place: str) -> None:
    owned, over, unknown = ("a" * 64, "b" * 64, "c" * 64)
    for key in (owned, over, unknown):
        step(platform, key)
    run(platform, owned, ended=None)
    run(platform, over, ended=time.time())

    sweeper(platform, deployer, set, young=300).sweep()
    assert len(names(platform, Kind.JOB, place)) == 3  # what is young is left alone
    time.sleep(1.1)  # ages are counted in whole seconds
    sweeper(platform, deployer, set, young=0).sweep()

    until(lambda: names(platform, Kind.JOB, place) == [f"step-{'a' * 40}"], 20, "the others to go")


def test_model_servers_are_what_the_database_says(
    platform: Installation, deployer: KubernetesDeployer, place: str, api: client.ApiClient
) -> None:
    assert platform.settings.kubernetes is not None
    servers = platform.settings.kubernetes.servers
    owner = client.CoreV1Api(api).read_namespaced_config_map("catalog", place).metadata.uid
    for backend in (Backend("forgotten", "1"), Backend("leaving", "1")):
        platform.kube.ensure(Kind.DEPLOYMENT, place, deployment(backend, SealedPackage("k"), servers, owner))
        platform.kube.ensure(Kind.SERVICE, place, service(backend, servers, owner))
    run(platform, "d" * 64, ended=time.time())
    with platform.database.begin() as session:
        session.add(Endpoint(model="digits", champion="3", updated=0.0))
        session.add(Candidate(submission="d" * 8, package="e" * 64, model="digits", version="3", ready=True))

    time.sleep(1.1)
    sweeper(platform, deployer, lambda: {"leaving-v1"}, young=0).sweep()

    wanted = ["model-digits-v3", "model-leaving-v1"]
    until(lambda: sorted(names(platform, Kind.DEPLOYMENT, place)) == wanted, 20, "the deployments to be those two")
    until(lambda: sorted(names(platform, Kind.SERVICE, place)) == wanted, 20, "the services to be those two")
