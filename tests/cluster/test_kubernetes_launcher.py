"""The launcher of a cluster keeps every launcher's promises: real Jobs, real pods, and a real S3 server."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from kubernetes import client
from tests.cluster.harness import node
from tests.cluster.harness.roles import trial_roles
from tests.cluster.harness.store import TrialStore
from tests.contract.launcher_suite import *  # noqa: F403
from tests.contract.launcher_suite import MODEL, Bench, Own
from tests.support.waiting import eventually, until

from jinsu.clients.kubernetes import Kube
from jinsu.launchers.kubernetes_launcher import KubernetesLauncher
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3
from jinsu.placement.kubernetes import Cluster, Gpu, Identity
from jinsu.steps.environment import STEP_ROOT_VARIABLE
from jinsu.steps.pod_context import STEP_FOLDER
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase, StepStatus

SECRET = "store"


class ClusterBench(Bench):
    """Steps as pods; `outside` is a folder of the node."""

    patience = 40.0

    def __init__(self, kube: Kube, cluster: Cluster, store: TrialStore, folder: Path, outside: Path) -> None:
        self.kube, self.cluster, self.address = kube, cluster, replace(store.settings, prefix=uuid4().hex)
        self.store = S3(self.address)
        super().__init__(
            KubernetesLauncher(kube, self.store, cluster, self.address), Mirror(folder / "objects", self.store), folder
        )
        self.image, self.outside, self.seen_outside = cluster.trainer_image, outside / "notes", "/outside/notes"

    def lose(self, step: StepSpec, name: str) -> None:
        self.store.delete(f"{step.output_uri}/out/{name}")


@pytest.fixture(scope="module")
def namespace(api: client.ApiClient, store: TrialStore) -> Iterator[str]:
    """A team's namespace, with the store's keys."""
    name = f"team-{uuid4().hex[:8]}"
    core = client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": name}})
    keys = {"AWS_ACCESS_KEY_ID": store.settings.access_key, "AWS_SECRET_ACCESS_KEY": store.settings.secret_key}
    core.create_namespaced_secret(name, {"metadata": {"name": SECRET}, "stringData": keys})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def outside() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="jinsu-outside-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bench(
    kubeconfig: Path, namespace: str, store: TrialStore, runtime_image: str, tmp_path: Path, outside: Path
) -> ClusterBench:
    cluster = Cluster(
        namespaces={"default": namespace},
        trainer_image=runtime_image,  # as good for scripts that need no torch
        runtime_image=runtime_image,
        store_secret=SECRET,
        pull_policy="Never",
        gpus={"": Gpu()},
        volumes=({"name": "outside", "hostPath": {"path": str(outside)}},),
        mounts=({"name": "outside", "mountPath": "/outside"},),
    )
    return ClusterBench(Kube(str(kubeconfig)), cluster, store, tmp_path, outside)


@pytest.fixture
def own() -> Own:
    """Living processes of any step's script on this node."""

    def look() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(STEP_ROOT_VARIABLE) == STEP_FOLDER:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    return look


# --- Who dies, and who goes on ---

RESUMES = """
last = root / "checkpoints" / "last"
if last.exists():
    print("resumed at", last.read_text(), flush=True)
    save()
else:
    (root / "checkpoints" / "draft").write_text("3")
    (root / "checkpoints" / "draft").replace(last)
    print("epoch 3", flush=True)
    time.sleep(100)
"""


# --- What a researcher reads ---


def status_that_says(bench: ClusterBench, step: StepSpec, words: str, within: float = 60) -> StepStatus:
    """The first status with these words in its message."""

    def look() -> StepStatus | None:
        seen = bench.launcher.status(step.run_key)
        return seen if words in seen.message else None

    return until(look, within, words)


def test_gpus_that_nobody_has_are_waited_for(bench: ClusterBench) -> None:
    step = bench.step("save()", gpu=99, cpu=0.1)
    bench.launcher.start(step)

    status = status_that_says(bench, step, "no free GPU")

    assert status.phase is Phase.QUEUED
    assert status.message == "it waits for a place: the only node has no free GPU."
    bench.launcher.cancel(step.run_key, "enough")
    assert bench.end(step).phase is Phase.CANCELLED


def test_an_image_that_is_missing_is_named(bench: ClusterBench) -> None:
    step = replace(bench.step("save()"), image="localhost/nothing:1")
    bench.launcher.start(step)

    status = status_that_says(bench, step, "cannot be pulled")

    assert status.phase is Phase.STARTING
    assert status.message.startswith("image 'localhost/nothing:1' cannot be pulled")
    bench.launcher.cancel(step.run_key, "enough")
    assert bench.end(step).phase is Phase.CANCELLED


def test_a_full_quota_is_named(bench: ClusterBench, api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    core.create_namespaced_resource_quota(namespace, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    step = bench.step("save()")
    try:
        until(lambda: core.read_namespaced_resource_quota("none", namespace).status.hard, 30, "the quota to hold")
        bench.launcher.start(step)
        status = status_that_says(bench, step, "quota")
        assert status.phase is Phase.QUEUED
        assert "it waits for its team's quota" in status.message
    finally:
        core.delete_namespaced_resource_quota("none", namespace)
    bench.launcher.cancel(step.run_key, "enough")


def test_a_step_that_fills_its_disk_is_told_so(bench: ClusterBench) -> None:
    small = replace(bench.cluster, ephemeral_storage="64Mi")
    bench.launcher = KubernetesLauncher(bench.kube, bench.store, small, bench.address)
    step = bench.step("(out / 'big').write_bytes(os.urandom(200 << 20)); time.sleep(100)", seconds=200.0)

    status = bench.run(step, within=120)

    assert status.phase is Phase.FAILED
    assert not status.interrupted
    assert "exceeds" in status.message, status
    assert "write less to disk" in status.message


# --- The store is away ---


def test_an_outage_of_the_store_harms_no_training(bench: ClusterBench, store: TrialStore) -> None:
    step = bench.step("for number in range(8): print(number, flush=True); time.sleep(1)\nsave()", requires=MODEL)
    bench.launcher.start(step)
    until(lambda: "1\n" in bench.log(step), 30, "the training to begin")

    os.kill(store.pid, signal.SIGSTOP)
    time.sleep(5)
    os.kill(store.pid, signal.SIGCONT)

    assert bench.end(step, within=90).phase is Phase.DONE
    assert bench.log(step) == "".join(f"{number}\n" for number in range(8))


def pods(api: client.ApiClient, namespace: str) -> list[Any]:
    return list(client.CoreV1Api(api).list_namespaced_pod(namespace).items)


def test_a_pod_deleted_by_hand_resumes_from_its_checkpoint(
    bench: ClusterBench, api: client.ApiClient, namespace: str
) -> None:
    step = bench.step(RESUMES, requires=MODEL)
    bench.launcher.start(step)
    assert eventually(lambda: bench.log(step) == "epoch 3\n", within=30)

    for pod in pods(api, namespace):
        client.CoreV1Api(api).delete_namespaced_pod(pod.metadata.name, namespace)
    status = bench.end(step)

    assert status.phase is Phase.FAILED
    assert status.interrupted
    assert "a retry resumes from the last checkpoint" in status.message
    assert bench.run(step).phase is Phase.DONE
    assert bench.log(step) == "epoch 3\nresumed at 3\n"


# --- A role of the store instead of its keys ---


def test_a_step_without_keys_takes_a_role_that_its_script_cannot(
    bench: ClusterBench, api: client.ApiClient, namespace: str
) -> None:
    audience, account = "store.example.com", "steps"
    client.CoreV1Api(api).create_namespaced_service_account(namespace, {"metadata": {"name": account}})
    with trial_roles(node.address(), api, audience, bench.address) as roles:
        identity = Identity("arn:aws:iam::1:role/jinsu", account, audience, roles.url, "us-east-1")
        cluster = replace(bench.cluster, store_secret=None, store_identity=identity)
        address = replace(bench.address, access_key=None, secret_key=None)
        bench.launcher = KubernetesLauncher(bench.kube, bench.store, cluster, address)
        step = bench.step(
            """
            note([name for name in os.environ if name.startswith("AWS")])
            note([place for place in ("/var/run/jinsu-store", "/var/run/secrets") if Path(place).exists()])
            save()
            """
        )

        assert bench.run(step).phase is Phase.DONE

    assert bench.notes() == ["[]", "[]"]
    assert set(roles.taken) == {(identity.role, f"system:serviceaccount:{namespace}:{account}")}
